// Requests that cost the server much: nobody may ask for so many of them that
// others wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageId, TestDevice } from '../testDevice.ts';
import { newGroupId } from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { type RequestBody, RequestFailure, type TestSocket } from '../testSocket.ts';

/** Asks at once, and gives the codes of the answers: '' for one that was carried out. */
async function codesOf(socket: TestSocket, count: number, body: RequestBody, expected: string): Promise<string[]> {
  const codes = Array.from({ length: count }, async () => {
    try {
      await socket.request(body, expected);
      return '';
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      if (error.failure.code === 'rate-limited') assert.ok(error.failure.retryAfterMs > 0);
      return error.failure.code;
    }
  });
  return Promise.all(codes);
}

/** So many of the codes, or a few more: buckets fill while the test runs. */
function assertAbout(codes: readonly string[], code: string, count: number): void {
  const found = codes.filter((each) => each === code).length;
  assert.ok(found >= count && found <= count + 8, `${found} of ${code}, not ${count}`);
}

test('[MSG-30] costly requests of an account have a rate, the others are answered meanwhile', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  const kemPrekeys = Array.from({ length: 50 }, (_, i) => ({
    id: i + 1,
    publicKey: new Uint8Array(1568),
    signature: new Uint8Array(64),
  }));
  const codes = await codesOf(socket, 100, { case: 'publishPrekeys', value: { kemPrekeys } }, 'prekeys');
  assertAbout(codes, 'signature-invalid', 66);
  assertAbout(codes, 'rate-limited', 26);
  server.clock.aheadMs += 1_000;
  assert.deepEqual(await codesOf(socket, 1, { case: 'listBlocked', value: {} }, 'blocked'), ['']);
  assert.ok((await codesOf(socket, 20, { case: 'listBlocked', value: {} }, 'blocked')).includes('rate-limited'));
  await socket.request({ case: 'ping', value: {} }, 'pong');
  server.clock.aheadMs += 60_000;
  assert.deepEqual(await codesOf(socket, 1, { case: 'listBlocked', value: {} }, 'blocked'), ['']);
});

test('[MSG-30] acknowledgements of what a device was not given have a rate, those of what it was given have none', async (t) => {
  const server = await startServer(t);
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const [from, to] = [await ana.connect(), await ben.connect()];
  const seqs = Array.from({ length: 1024 }, (_, i) => BigInt(i + 5_000));
  const codes = await codesOf(to, 6, { case: 'ack', value: { seqs } }, 'acked');
  assert.deepEqual(codes, ['', '', '', '', 'rate-limited', 'rate-limited']);
  await from.send(ben.address);
  const [delivery] = await to.delivered(1);
  await to.ack(delivery!.seq);
  await to.close();
  const again = await ben.connect();
  await again.next('drained');
  assert.deepEqual(again.deliveries, []);
});

test('[GROUP-9] group changes have a rate before they are read', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  const change = { change: new Uint8Array(9), by: ana.address, signature: new Uint8Array(64) };
  for (const body of [
    { case: 'createGroup', value: { change } },
    { case: 'changeGroup', value: { change } },
  ] as const) {
    const codes = await codesOf(socket, 70, body, 'group');
    assertAbout(codes, 'group-change-invalid', 60);
    assertAbout(codes, 'rate-limited', 2);
    server.clock.aheadMs += 60_000;
  }
});

test('[MSG-15] ephemeral group sends are counted before the group is looked for', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const value = {
    groupId: newGroupId(),
    messageId: messageId(),
    ciphertext: new Uint8Array([1]),
    rosterRevision: 1,
    devicesRevision: 1n,
    ephemeral: true,
  };
  const codes = await codesOf(await ana.connect(), 30, { case: 'groupSend', value }, 'sent');
  assertAbout(codes, 'group-unknown', 20);
  assertAbout(codes, 'rate-limited', 2);
});

test('[AUTH-8] a device list longer than any may be is not gone through', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const identityKeys = Array.from({ length: 50_000 }, () => new Uint8Array());
  const deviceList = { revision: 1, identityKeys, signature: new Uint8Array(64) };
  const offer = { linkId: 'a'.repeat(32), sealed: new Uint8Array(9), deviceList };
  const codes = await codesOf(await ana.connect(), 1, { case: 'offerLink', value: offer }, 'ownDevices');
  assert.deepEqual(codes, ['device-list-invalid']);
});
