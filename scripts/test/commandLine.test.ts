import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const SCRIPTS = path.resolve(import.meta.dirname, '..');

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(SCRIPTS, `${script}.ts`), ...args], {
    encoding: 'utf8',
  });

for (const script of ['start', 'test', 'bench', 'history', 'interop', 'callSimulator']) {
  test(`${script}.ts says in plain words that it does not know an option`, () => {
    const { status, stdout, stderr } = run(script, '--no-such-thing');
    assert.equal(stderr, "Unknown option '--no-such-thing'\nWhat there is: --help\n");
    assert.deepEqual([status, stdout], [2, '']);
  });
}

test('--help tells what there is', () => {
  for (const help of ['--help', '-h']) {
    const { status, stdout, stderr } = run('test', help);
    assert.match(stdout, /--quick/);
    assert.deepEqual([status, stderr], [0, '']);
  }
});
