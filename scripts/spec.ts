// Holds protocol/SPEC.md and the tests to each other: every rule is quoted by a
// test's name, and no test quotes a rule that does not exist.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const HELP = `node scripts/spec.ts [--help] [--list]

Checks that each rule id of protocol/SPEC.md ([CALL-3]) stands in the name of at
least one test, and that tests quote only rules that exist. --list shows which.`;

const root = path.resolve(import.meta.dirname, '..');
const RULE_ID = /\[([A-Z0-9]+-\d+)\]/g;

/** Rules are list items that begin with their id: `- **[CALL-3]** …` */
function rulesOf(text: string): string[] {
  return [...text.matchAll(/^- \*\*\[([A-Z0-9]+-\d+)\]\*\*/gm)].map((match) => match[1]!);
}

/** Ids inside string literals that name a test, a suite, a part of a contract suite, or a row of a table of tests. */
function quotedBy(text: string): Set<string> {
  const quoted = new Set<string>();
  for (const match of text.matchAll(
    /\b(?:name:|(?:test|it|describe|suite|contract)(?:\.\w+)?\()\s*(['"`])([\s\S]*?)\1/g,
  )) {
    for (const id of match[2]!.matchAll(RULE_ID)) quoted.add(id[1]!);
  }
  return quoted;
}

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(HELP);
} else {
  const rules = rulesOf(readFileSync(path.join(root, 'protocol/SPEC.md'), 'utf8'));
  const quotes = new Map<string, string[]>();
  for (const file of globSync('*/test/**/*.ts', { cwd: root, exclude: (name) => name === 'node_modules' })) {
    for (const id of quotedBy(readFileSync(path.join(root, file), 'utf8')))
      quotes.set(id, [...(quotes.get(id) ?? []), file]);
  }
  const twice = rules.filter((id, index) => rules.indexOf(id) !== index);
  const untested = rules.filter((id) => !quotes.has(id));
  const unknown = [...quotes.keys()].filter((id) => !rules.includes(id));
  if (process.argv.includes('--list'))
    for (const id of rules) console.log(`${id}\t${quotes.get(id)?.join(', ') ?? '-'}`);
  for (const id of twice) console.log(`problem  rule ${id} stands twice in SPEC.md`);
  for (const id of untested) console.log(`problem  rule ${id} has no test that quotes it`);
  for (const id of unknown)
    console.log(`problem  ${quotes.get(id)!.join(', ')}: quotes ${id}, which is no rule of SPEC.md`);
  console.log(`spec: ${rules.length} rules, ${untested.length} without a test, ${unknown.length} quoted but unknown`);
  process.exitCode = twice.length + untested.length + unknown.length > 0 || rules.length === 0 ? 1 : 0;
}
