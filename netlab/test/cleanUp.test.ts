// However the process ends, nothing of a laboratory stays.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Lab } from '../src/lab.ts';
import { inLab } from './inLab.ts';

const LAB = path.resolve(import.meta.dirname, '../src/lab.ts');
const PROGRAM = `
  const { Lab, Probe } = await import(${JSON.stringify(LAB)});
  const lab = Lab.open();
  const probe = new Probe(lab.host().join(lab.nat('cone')).namespace);
  await probe.bind();
  console.log('ready');
  process.on('message', () => { throw new Error('a failing test'); });
`;

async function ready(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM],
    { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] },
  );
  await once(child.stdout!, 'data');
  return child;
}

function left(child: ChildProcess): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.startsWith(`cnl${child.pid}-`));
}

inLab('cleaning up', () => {
  for (const [how, end] of [
    ['an uncaught error', (child: ChildProcess) => child.send('fail')],
    ['SIGTERM', (child: ChildProcess) => child.kill('SIGTERM')],
    ['SIGINT', (child: ChildProcess) => child.kill('SIGINT')],
  ] as const) {
    test(`after ${how} no namespace is left`, async () => {
      const child = await ready();
      assert.ok(left(child).length >= 3);
      end(child);
      await once(child, 'exit');
      assert.deepEqual(left(child), []);
      assert.ok(!existsSync(`/etc/netns/cnl${child.pid}-internet`));
    });
  }

  test('what a killed process left, the next laboratory takes away', async () => {
    const child = await ready();
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(left(child).length >= 3);
    Lab.open().close();
    assert.deepEqual(left(child), []);
  });
});
