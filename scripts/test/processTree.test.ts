import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTree } from '../processTree.ts';

const TREE = path.join(import.meta.dirname, 'treeOfThree.ts');

/** One that nobody has taken note of yet (proc(5), state Z) is dead. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z';
  } catch {
    return false;
  }
}

for (const [signal, more, code] of [
  ['SIGTERM', [], 143],
  ['SIGINT', [], 130],
  ['SIGTERM', ['--deaf'], 143],
] as const) {
  test(`${signal} ends the innermost process too${more.length > 0 ? ', though it does not listen' : ''}`, async () => {
    const script = spawn(process.execPath, [TREE, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(script, 'exit');
    const [line] = (await once(createInterface({ input: script.stdout }), 'line')) as [string];
    script.kill(signal);
    assert.deepEqual(await exited, [code, null]);
    // Killed, it is dead a moment later.
    while (isAlive(Number(line))) await sleep(10);
  });
}

test('what ends by itself says how, and leaves nothing of ours behind', async () => {
  const listeners = process.listenerCount('SIGTERM');
  assert.equal(await startTree(process.execPath, ['-e', 'process.exit(7)'], { stdio: 'ignore' }).ended, 7);
  assert.equal(process.listenerCount('SIGTERM'), listeners);
  await assert.rejects(startTree('/no/such/program', [], { stdio: 'ignore' }).ended, { code: 'ENOENT' });
});

test('what says nothing for too long is shown, and ended with all that it started', async () => {
  const shown: string[] = [];
  const { child, ended } = startTree('sh', ['-c', 'echo begun; sleep 1000 & sleep 1001'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    silentMs: 300,
    onSilent: (running) => shown.push(running),
  });
  assert.equal(await ended, 1);
  assert.match(shown.join(), /sleep 1000.*sleep 1001/s);
  assert.equal(isAlive(child.pid!), false);
});
