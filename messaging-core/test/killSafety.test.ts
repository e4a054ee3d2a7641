// The process is killed at moments that hurt; what it acknowledged is there afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProcess } from './serviceProcess.ts';
import { messageId, TestDevice } from './testDevice.ts';
import { tempDir } from './testServer.ts';

test('[MSG-1] killed right after the reply: nothing acknowledged is lost, and nothing is there twice', async (t) => {
  const dataDir = await tempDir(t);
  const first = await startProcess(t, dataDir);
  const ana = await TestDevice.register(first, 'ana');
  const ben = await TestDevice.register(first, 'ben', 3);
  assert.match(first.stdout(), /^Registration code for @ana: \d{6}$/m);
  const from = await ana.connect();
  const ids = Array.from({ length: 300 }, () => messageId());
  const acceptedAtMs = new Map<string, number>();
  let killed: Promise<void> | undefined;
  await Promise.allSettled(
    ids.map(async (id) => {
      acceptedAtMs.set(id, await from.send(ben.address, { messageId: id }));
      if (acceptedAtMs.size === 150) killed = first.kill('SIGKILL');
    }),
  );
  await killed;

  const second = await startProcess(t, dataDir);
  const again = await ana.connect(second);
  // The sender cannot know what became of the unanswered ones, so it repeats everything.
  for (const id of ids) {
    const repeated = await again.send(ben.address, { messageId: id });
    if (acceptedAtMs.has(id)) assert.equal(repeated, acceptedAtMs.get(id));
  }
  const to = await ben.connect(second);
  const seen = new Set<string>();
  const seqs = new Set<bigint>();
  while (seen.size < ids.length) {
    const [delivery] = (await to.delivered(seqs.size + 1)).slice(-1);
    assert.equal(seen.has(delivery!.messageId), false, 'delivered twice');
    seen.add(delivery!.messageId);
    seqs.add(delivery!.seq);
    await to.ack(delivery!.seq);
  }
  await second.kill('SIGKILL');
  assert.deepEqual([...seen].sort(), [...ids].sort());

  const third = await startProcess(t, dataDir);
  const last = await ben.connect(third);
  await last.next('drained');
  assert.equal(last.deliveries.length, 0, 'what was acknowledged stays gone');
  await last.close();
  await third.kill('SIGTERM');
});

test('[AUTH-1] a token from before a kill still opens a socket after it', async (t) => {
  const dataDir = await tempDir(t);
  const first = await startProcess(t, dataDir);
  const ana = await TestDevice.register(first, 'ana', 2);
  const token = await ana.login();
  await first.kill('SIGKILL');
  const second = await startProcess(t, dataDir);
  const { TestSocket } = await import('./testSocket.ts');
  const socket = await TestSocket.open(second.url);
  const welcome = await socket.hello(token);
  assert.equal(welcome.handle, 'ana');
  assert.equal(welcome.oneTimePrekeys, 2);
  await socket.close();
});

test('a second process on the same data folder is refused in words', async (t) => {
  const dataDir = await tempDir(t);
  await startProcess(t, dataDir);
  await assert.rejects(startProcess(t, dataDir), /Another messaging-core is using this data folder/);
});
