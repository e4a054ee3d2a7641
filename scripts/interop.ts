// `npm run interop`: our session protocol against another implementation of it. The
// peer is a package of its own under interop/, which nothing else needs: it is
// large, and of a licence that must not reach what is shipped.
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { commandLine } from './commandLine.ts';
import { startTree } from './processTree.ts';

const HELP = `npm run interop [-- --name RE] [--help]

Installs the peer below interop/ when it is missing (libsignal 0.72.1 and 0.103.0:
104 MB to fetch, 255 MB on disk; AGPL, a test peer only), checks types there and
runs the tests: X3DH and PQXDH sessions and sender keys in both directions.

  --name RE   only tests whose name matches
  --help      this text

CARILLON_INTEROP_SEED repeats the schedule that a run has printed.`;

const root = path.resolve(import.meta.dirname, '..');
const interop = path.join(root, 'interop');

/** What npm says it has put there, against what the lockfile asks for. */
function isInstalled(): boolean {
  const has = path.join(interop, 'node_modules/.package-lock.json');
  if (!existsSync(has)) return false;
  const packagesOf = (file: string) =>
    (JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, { version?: string }> }).packages;
  const there = packagesOf(has);
  return Object.entries(packagesOf(path.join(interop, 'package-lock.json'))).every(
    ([name, { version }]) => name === '' || there[name]?.version === version,
  );
}

/** Which npm: the one that started us, else the one on PATH. */
function npm(...args: string[]): [string, string[]] {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args];
}

function run([program, args]: [string, string[]], cwd: string): Promise<number> {
  return startTree(program, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] }).ended;
}

async function main(): Promise<number> {
  const { values } = commandLine(HELP, { options: { name: { type: 'string' } } });
  if (!isInstalled()) {
    console.log('Installing the test peer below interop/: 104 MB to fetch, the first time only.');
    const install = npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
    const code = await run(install, interop);
    if (code !== 0) {
      console.error('The peer could not be installed (see above). Is the npm registry within reach?');
      return code;
    }
  }
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const types = await run([process.execPath, [tsc, '--noEmit', '-p', interop]], root);
  if (types !== 0) return types;
  const tests = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=2',
    '--test-reporter=spec',
    '--test-timeout=600000',
    ...(values.name ? [`--test-name-pattern=${values.name}`] : []),
    ...globSync('interop/test/*.test.ts', { cwd: root }),
  ];
  return run([process.execPath, tests], root);
}

process.exitCode = await main();
