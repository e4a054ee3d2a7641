// The wire rules of the messaging socket: what ends it, and what does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '@carillon/protocol';
import { TestDevice } from '../testDevice.ts';
import { startServer } from '../testServer.ts';
import { TestSocket } from '../testSocket.ts';

test('[WIRE-3] a malformed frame and a text frame close the socket; others live on', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  const bystander = await ben.connect();
  const first = await ana.connect();
  first.ws.send(new Uint8Array([0xff, 0xff, 0xff]));
  assert.deepEqual(await first.closed, { code: 4400, reason: 'malformed-frame' });
  const second = await ana.connect();
  second.ws.send('hello');
  assert.deepEqual(await second.closed, { code: 4400, reason: 'malformed-frame' });
  await bystander.send(ana.address);
});

test('[WIRE-3] an oversized frame closes the socket and the server lives', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  socket.ws.send(new Uint8Array(LIMITS.messagingFrameBytesMax + 1));
  assert.equal((await socket.closed).code, 1009);
  await (await ana.connect()).close();
});

test('[WIRE-4] a request of an unknown kind is answered and the socket stays', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  // request_id 1000, and field 99 with an empty message.
  const answered = socket.next('failure');
  socket.ws.send(new Uint8Array([0x08, 0xe8, 0x07, 0x9a, 0x06, 0x00]));
  assert.equal((await answered).code, 'unknown-frame');
  await assert.rejects(socket.request({ case: 'hello', value: { token: 'x', version: 1 } }, 'welcome'), {
    message: 'invalid-request',
  });
  await socket.close();
});

test('[WIRE-2] without a hello in time the socket is closed; a request before it is refused', async (t) => {
  const server = await startServer(t, {}, { helloTimeoutMs: 50 });
  const silent = await TestSocket.open(server.url);
  assert.deepEqual(await silent.closed, { code: 4408, reason: 'hello-timeout' });
  const hasty = await TestSocket.open(server.url);
  hasty.sendFrame({ requestId: 1, body: { case: 'findAccount', value: { handle: 'ana' } } });
  assert.deepEqual(await hasty.closed, { code: 4401, reason: 'hello-expected' });
});

test('[WIRE-2] a version the server does not speak is refused', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await TestSocket.open(server.url);
  socket.sendFrame({ requestId: 1, body: { case: 'hello', value: { token: await ana.login(), version: 99 } } });
  assert.equal((await socket.closed).reason, 'unsupported-version');
});

test('[AUTH-2] a wrong and an expired token are refused by their codes', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const token = await ana.login();
  const attempt = async (tried: string) => {
    const socket = await TestSocket.open(server.url);
    socket.sendFrame({ requestId: 1, body: { case: 'hello', value: { token: tried, version: 1 } } });
    return (await socket.closed).reason;
  };
  assert.equal(await attempt('not a token'), 'token-invalid');
  const [head, body, signature] = token.split('.') as [string, string, string];
  assert.equal(await attempt(`${head}.${body}.${signature.slice(0, -4)}AAAA`), 'token-invalid');
  const other = await startServer(t);
  const stranger = await TestDevice.register(other, 'ana');
  assert.equal(await attempt(await stranger.login()), 'token-invalid', "another server's key");
  server.clock.aheadMs = 11 * 60_000;
  assert.equal(await attempt(token), 'token-expired');
});

test('[WIRE-5] a socket past its frame rate is closed; a slower one is not', async (t) => {
  const server = await startServer(t, { CARILLON_MESSAGING_FRAMES_PER_SECOND: '2' });
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  for (let sent = 0; sent < 12; sent++)
    socket.sendFrame({ requestId: sent + 10, body: { case: 'ack', value: { seqs: [] } } });
  assert.deepEqual(await socket.closed, { code: 4429, reason: 'rate-limited' });
  const again = await ana.connect();
  await again.ack();
  await again.close();
});

test('[MSG-7] a newer connection of the same device replaces the older one', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  const older = await ana.connect();
  const newer = await ana.connect();
  assert.deepEqual(await older.closed, { code: 4409, reason: 'replaced-by-new-connection' });
  await (await ben.connect()).send(ana.address);
  await newer.delivered(1);
});

test('[AUTH-3] a removed device is cut at once, and neither its token nor its identity gets it in again', async (t) => {
  const server = await startServer(t);
  const old = await TestDevice.register(server, 'ana');
  const token = await old.login();
  const socket = await old.connect();
  const replacement = await TestDevice.register(server, 'ana');
  assert.equal(replacement.replacedDevices, true);
  assert.equal(replacement.accountId, old.accountId);
  assert.equal(replacement.deviceId, old.deviceId + 1, 'device ids are never used again');
  assert.deepEqual(await socket.closed, { code: 4410, reason: 'device-removed' });
  const again = await TestSocket.open(server.url);
  again.sendFrame({ requestId: 1, body: { case: 'hello', value: { token, version: 1 } } });
  assert.equal((await again.closed).reason, 'device-removed');
  await assert.rejects(old.login(), { code: 'device-removed' });
  await (await replacement.connect()).close();
});

test('a stopping server tells its sockets so', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const socket = await ana.connect();
  await server.close();
  assert.deepEqual(await socket.closed, { code: 4503, reason: 'shutting-down' });
});
