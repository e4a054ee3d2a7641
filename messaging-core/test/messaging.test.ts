// From registration to delivery, as two devices do it.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { PATHS } from '@carillon/protocol';
import { messageId, TestDevice } from './testDevice.ts';
import { startServer } from './testServer.ts';

test('[MSG-1] an envelope sent to an absent device is kept and delivered when it comes', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  const from = await ana.connect();
  const id = messageId();
  const ciphertext = new Uint8Array([9, 8, 7]);
  const acceptedAtMs = await from.send(ben.address, { messageId: id, ciphertext });

  const to = await ben.connect();
  const [delivery] = await to.delivered(1);
  assert.equal(delivery!.messageId, id);
  assert.deepEqual(new Uint8Array(delivery!.ciphertext), ciphertext);
  assert.equal(delivery!.from!.accountId, ana.accountId);
  assert.equal(delivery!.from!.deviceId, ana.deviceId);
  assert.equal(Number(delivery!.acceptedAtMs), acceptedAtMs);
  await to.next('drained');
  await to.ack(delivery!.seq);
  await to.close();

  const again = await ben.connect();
  await again.next('drained');
  assert.equal(again.deliveries.length, 0);
});

test('[MSG-2] what was not acknowledged is delivered again, in order, on the next connection', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  const from = await ana.connect();
  const ids = Array.from({ length: 300 }, () => messageId());
  await Promise.all(ids.map((id) => from.send(ben.address, { messageId: id })));

  const first = await ben.connect();
  const deliveries = await first.delivered(128);
  assert.equal(
    first.unasked.some((frame) => frame.body.case === 'drained'),
    false,
  );
  await first.ack(...deliveries.slice(0, 100).map((delivery) => delivery.seq));
  await first.delivered(228);
  await first.close();

  const second = await ben.connect();
  await second.delivered(128);
  await second.ack(...second.deliveries.map((delivery) => delivery.seq));
  await second.next('drained');
  assert.deepEqual(
    second.deliveries.map((delivery) => delivery.messageId),
    ids.slice(100),
  );
});

test('[AUTH-1] the JWKS verifies access tokens and shows no private key; the key file is for the owner only', async (t) => {
  const server = await startServer(t);
  const jwks = (await (await fetch(server.url + PATHS.messaging.jwks)).json()) as { keys: Record<string, string>[] };
  assert.equal(jwks.keys.length, 1);
  assert.equal(jwks.keys[0]!.crv, 'Ed25519');
  assert.equal('d' in jwks.keys[0]!, false);
  const { mode } = await stat(path.join(server.dataDir, 'messaging/token-keys.json'));
  assert.equal(mode & 0o777, 0o600);
});
