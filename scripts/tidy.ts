// The part of the house rules that a machine can check: imports run one way and
// through package exports, no file lies orphaned, the core stays pure, names say
// something. File sizes are a warning.
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const HELP = `node scripts/tidy.ts [--help]

Checks imports between folders, orphaned files, purity of core/, and names;
warns of long files. Exit code 1 when something is not in order.`;

const root = path.resolve(import.meta.dirname, '..');
const SERVICES = ['messaging-core', 'signaling', 'sfu', 'turn', 'media-pipeline'];

/** Who may import whom, by package name; a path behind it is one pure export. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  service: ['protocol'],
  'messaging-core': ['protocol', 'service', 'service/redis'],
  signaling: ['protocol', 'service', 'service/redis'],
  sfu: ['protocol', 'service', 'service/redis'],
  turn: ['protocol', 'service'],
  'media-pipeline': ['protocol', 'service'],
  // The SDK shares what is pure with the services that own it, and nothing else of them.
  client: [
    'protocol',
    'messaging-core/e2ee',
    'messaging-core/e2ee/native',
    'media-pipeline/sealing',
    'media-pipeline/prepare',
  ],
  web: ['client', 'client/browser', 'protocol'],
  gateway: ['protocol', 'service'],
  // These look at the whole.
  e2e: ['*'],
  netlab: ['*'],
  bench: ['*'],
  interop: ['*'],
  scripts: ['*'],
};
/** Servers and ports for tests; what runs in earnest has no use for them. */
const TESTS_MAY_IMPORT = ['service/testing'];
const LINES_WARN = 400;
/** Tools that the root names for everybody's tests. */
const ROOT_DEV = new Set(['fast-check', 'playwright-core']);

interface SourceFile {
  readonly file: string;
  readonly folder: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly imports: readonly string[];
}

const problems: string[] = [];
const warnings: string[] = [];

function read(file: string): SourceFile {
  const text = readFileSync(path.join(root, file), 'utf8');
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const imports = [
    ...code.matchAll(/\b(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/g),
    ...code.matchAll(/\bimport\s*\(?\s*['"]([^'"]+)['"]/g),
    ...code.matchAll(/\bimport\.meta\.resolve\(\s*['"]([^'"]+)['"]/g),
    ...code.matchAll(/new URL\(\s*['"](\.[^'"]+)['"],\s*import\.meta\.url/g),
  ].map((match) => match[1]!);
  const folder = file.split('/')[0]!;
  return { file, folder, isTest: /\/test\//.test(file), text, imports };
}

function checkImports({ file, folder, isTest, imports }: SourceFile): void {
  for (const wanted of imports) {
    if (wanted.startsWith('.')) {
      const target = path.relative(root, path.resolve(root, path.dirname(file), wanted));
      if (target.split('/')[0] !== folder) problems.push(`${file}: reaches into ${target}; import the package instead`);
    } else if (wanted.startsWith('@carillon/')) {
      const name = wanted.slice('@carillon/'.length);
      const allowed = MAY_IMPORT[folder] ?? [];
      // A test may start the real services it talks to.
      const fine =
        allowed.includes('*') ||
        allowed.includes(name) ||
        name.split('/')[0] === folder ||
        (isTest && TESTS_MAY_IMPORT.includes(name)) ||
        (isTest && !SERVICES.includes(folder));
      if (!fine) problems.push(`${file}: ${folder} may not import ${wanted}`);
    }
  }
}

function checkCore({ file, text }: SourceFile): void {
  if (!/\/src\/(?:.*\/)?core\//.test(file)) return;
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  for (const impure of [
    'Date.now(',
    'Math.random(',
    'setTimeout(',
    'setInterval(',
    'randomBytes(',
    'node:fs',
    'node:dgram',
    'node:http',
    'node:child_process',
    'node:sqlite',
    'node:timers',
  ]) {
    if (code.includes(impure)) problems.push(`${file}: core is pure, but it uses ${impure.replace('(', '')}`);
  }
}

/** A package that nothing imports is weight, and one that is not named breaks on its own. */
function checkDependencies(files: readonly SourceFile[]): void {
  for (const manifest of globSync('*/package.json', { cwd: root })) {
    const folder = path.dirname(manifest);
    const { dependencies = {}, devDependencies = {} } = JSON.parse(
      readFileSync(path.join(root, manifest), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const named = { ...dependencies, ...devDependencies };
    const mine = files.filter((file) => file.folder === folder);
    const used = new Set(
      mine.flatMap(({ imports }) =>
        imports.filter((name) => !name.startsWith('.') && !name.includes(':')).map(packageOf),
      ),
    );
    for (const name of Object.keys(named)) {
      const isTool = name.startsWith('@types/') || name.startsWith('@bufbuild/') || name === 'vite';
      if (!isTool && !used.has(name)) problems.push(`${manifest}: names ${name}, which nothing in ${folder}/ imports`);
    }
    for (const name of used) {
      const isOurs = name === `@carillon/${folder}`;
      const isShared = ROOT_DEV.has(name);
      // No workspace: what is ours it finds in the root's packages.
      const isOfRoot = folder === 'interop' && name.startsWith('@carillon/');
      if (!isOurs && !isShared && !isOfRoot && !(name in named))
        problems.push(`${manifest}: does not name ${name}, which ${folder}/ imports`);
    }
  }
}

/** `@scope/name/path` and `name/path` to the package. */
function packageOf(wanted: string): string {
  return wanted
    .split('/')
    .slice(0, wanted.startsWith('@') ? 2 : 1)
    .join('/');
}

function checkName({ file }: SourceFile): void {
  const name = file.split('/').find((part) => /^(utils?|helpers?|misc|shared|common)(\.tsx?)?$/i.test(part));
  if (name) problems.push(`${file}: '${name}' says nothing; name it after what it holds`);
}

/** Entry points: package exports, bins, main.ts, what HTML or scripts start. */
function entryPoints(): Set<string> {
  const entries = new Set<string>();
  for (const manifest of globSync('*/package.json', { cwd: root })) {
    const {
      exports = {},
      bin = {},
      scripts = {},
    } = JSON.parse(readFileSync(path.join(root, manifest), 'utf8')) as Record<string, Record<string, string>>;
    for (const target of [...Object.values(exports), ...Object.values(bin)])
      entries.add(path.join(path.dirname(manifest), target));
    for (const line of Object.values(scripts))
      for (const match of line.matchAll(/\bnode (\S+\.ts)/g)) entries.add(path.join(path.dirname(manifest), match[1]!));
  }
  for (const html of globSync('*/index.html', { cwd: root })) {
    for (const match of readFileSync(path.join(root, html), 'utf8').matchAll(/src="\/(\S+?\.tsx?)"/g))
      entries.add(path.join(path.dirname(html), match[1]!));
  }
  return entries;
}

function checkOrphans(files: readonly SourceFile[]): void {
  const reached = entryPoints();
  for (const { file, imports } of files) {
    for (const wanted of imports) {
      if (wanted.startsWith('.')) reached.add(path.relative(root, path.resolve(root, path.dirname(file), wanted)));
    }
  }
  const runAlone = (file: SourceFile) =>
    /\/src\/main\.ts$/.test(file.file) ||
    /\.config\.ts$/.test(file.file) ||
    file.file.startsWith('scripts/') ||
    file.file.startsWith('bench/') ||
    /\.(test|d)\.ts$/.test(file.file);
  for (const file of files) {
    const started = files.some((other) => other !== file && other.text.includes(path.basename(file.file)));
    if (!reached.has(file.file) && !runAlone(file) && !started)
      problems.push(`${file.file}: nothing imports or starts it`);
  }
}

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(HELP);
} else {
  const files = globSync('*/**/*.{ts,tsx}', {
    cwd: root,
    exclude: (name) => ['node_modules', 'dist', 'gen'].includes(name),
  }).map(read);
  for (const file of files) {
    checkImports(file);
    checkCore(file);
    checkName(file);
    const lines = file.text.split('\n').length;
    if (lines > LINES_WARN) warnings.push(`${file.file}: ${lines} lines; does it hold one concept?`);
  }
  checkOrphans(files);
  checkDependencies(files);
  for (const folder of new Set(files.map((file) => file.folder))) {
    if (folder !== 'scripts' && !existsSync(path.join(root, folder, 'README.md')))
      problems.push(`${folder}/: has no README.md`);
  }
  for (const warning of warnings) console.log(`warning  ${warning}`);
  for (const problem of problems) console.log(`problem  ${problem}`);
  console.log(`tidy: ${files.length} files, ${problems.length} problems, ${warnings.length} warnings`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
