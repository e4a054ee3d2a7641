// `npm test`: puts in place what the tests need, runs all of them, and ends
// with one plain line.
import { globSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { ensureWorker } from '@carillon/sfu/worker';
import { commandLine } from './commandLine.ts';
import { CHROMIUM, ensureProgram, FFMPEG, NETWORKS, REDIS } from './prerequisites/systemProgram.ts';
import { ensureWebBuild } from './prerequisites/webBuild.ts';
import { startTree } from './processTree.ts';

const HELP = `npm test -- [options] [path...]

Runs every test, the browser ones too; with paths, only the test files below them.

  --quick     leave out what needs a browser or networks of its own (e2e, netlab, *browser.test.ts)
  --name RE   only tests whose name matches
  --help      this text`;

const { values, positionals } = commandLine(HELP, {
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    name: { type: 'string' },
  },
});
const root = path.resolve(import.meta.dirname, '..');

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** One test. The longest takes a minute; a slow machine may take three times as long. */
const TEST_MS = 300_000;
/** The runner has no time-out for a file whose tests are over and whose process does not end. */
const SILENT_MS = 2 * TEST_MS;

/** Runs the files, `concurrency` at once, and adds to the totals; prints what the runner prints. */
function run(files: readonly string[], concurrency: number, totals: Totals): Promise<void> {
  const { child, ended } = startTree(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-concurrency=${concurrency}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-timeout=${TEST_MS}`,
      ...(values.name ? [`--test-name-pattern=${values.name}`] : []),
      ...files,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      silentMs: SILENT_MS,
      onSilent: (running) =>
        console.log(
          `No test has ended for ${SILENT_MS / 60_000} minutes: this run is given up. It still ran:\n${running}`,
        ),
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    },
  );
  const counted = { pass: 0, fail: 0, skipped: 0, cancelled: 0 };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const total = /^ℹ (pass|fail|skipped|cancelled) (\d+)$/.exec(stripVTControlCharacters(line));
    if (total) counted[total[1] as keyof typeof counted] = Number(total[2]);
    else console.log(line);
  });
  return ended.then((code) => {
    totals.passed += counted.pass;
    totals.skipped += counted.skipped;
    totals.failed += counted.fail + counted.cancelled;
    // A runner that ends badly without having counted a failure has failed all the same.
    if (code !== 0 && counted.fail + counted.cancelled === 0) totals.failed += 1;
  });
}

async function main(): Promise<void> {
  const say = (words: string) => console.log(words);
  await ensureWorker({ log: say });
  await ensureProgram(FFMPEG, say);
  await ensureProgram(REDIS, say);
  if (!values.quick) {
    await ensureProgram(CHROMIUM, say);
    // Without root they are skipped, and say why.
    if (process.getuid?.() === 0) await ensureProgram(NETWORKS, say);
  }
  await ensureWebBuild(say);
  // Browsers and emulated links want the machine for themselves: a busy processor looks like a bad network.
  const wantsMachine = (file: string) =>
    /^(e2e\/|netlab\/(?!test\/core\/))/.test(file) || file.endsWith('browser.test.ts');
  const files = globSync('*/test/**/*.test.ts', { cwd: root, exclude: (name) => name === 'node_modules' })
    // These need the peer that `npm run interop` installs.
    .filter((file) => !file.startsWith('interop/'))
    .filter((file) => positionals.length === 0 || positionals.some((wanted) => file.startsWith(path.normalize(wanted))))
    .filter((file) => !(values.quick && wantsMachine(file)))
    .sort();
  if (files.length === 0) throw new Error('There is no test file there.');
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const alone = files.filter(wantsMachine);
  const together = files.filter((file) => !wantsMachine(file));
  if (together.length > 0) await run(together, 2, totals);
  if (alone.length > 0) await run(alone, 1, totals);
  console.log(
    `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
  );
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
