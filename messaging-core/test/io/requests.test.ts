// What connected devices may ask, and the promises behind the answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Address, type DeviceId, EnvelopeKind, LIMITS } from '@carillon/protocol';
import { messageId, oneTimePrekeys, TestDevice, x25519PublicKey } from '../testDevice.ts';
import { startServer } from '../testServer.ts';
import { RequestFailure, type SendOptions, sendRequest, type TestSocket } from '../testSocket.ts';

async function failure(request: Promise<unknown>) {
  try {
    await request;
  } catch (error) {
    if (error instanceof RequestFailure) return error.failure;
    throw error;
  }
  throw new Error('was not refused');
}

async function twoPeople(t: Parameters<typeof startServer>[0], env: Record<string, string> = {}, prekeys = 0) {
  const server = await startServer(t, env);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben', prekeys);
  return { server, ana, ben, from: await ana.connect() };
}

test('[MSG-3] a repeat of an id is answered as before and stored once', async (t) => {
  const { server, ben, from } = await twoPeople(t);
  const id = messageId();
  const first = await from.send(ben.address, { messageId: id });
  server.clock.aheadMs = 5_000;
  const repeats = await Promise.all([1, 2, 3].map(() => from.send(ben.address, { messageId: id })));
  assert.deepEqual(repeats, [first, first, first]);
  const to = await ben.connect();
  await to.next('drained');
  assert.equal(to.deliveries.length, 1);
});

test('[MSG-5] a stale device list is answered with the difference, and nothing is stored', async (t) => {
  const { server, ben, from } = await twoPeople(t);
  const newBen = await TestDevice.register(server, 'ben');
  const id = messageId();
  const refused = await failure(from.send(ben.address, { messageId: id }));
  assert.equal(refused.code, 'stale-devices');
  assert.equal(refused.staleDevices!.accountId, ben.accountId);
  assert.deepEqual(refused.staleDevices!.missing, [newBen.deviceId]);
  assert.deepEqual(refused.staleDevices!.gone, [ben.deviceId]);
  const to = await newBen.connect();
  await to.next('drained');
  assert.equal(to.deliveries.length, 0);
  // The refused id is free: the mended send may use it.
  await from.send(newBen.address, { messageId: id });
  assert.equal((await to.delivered(1))[0]!.messageId, id);
});

test('[MSG-1] one stale device among several means that none is stored', async (t) => {
  const { ben, from } = await twoPeople(t);
  const ghost: Address = { accountId: ben.accountId, deviceId: 77 as DeviceId };
  const value = sendRequest([ben.address, ghost]);
  const refused = await failure(from.request({ case: 'send', value }, 'sent'));
  assert.deepEqual(refused.staleDevices!.gone, [77]);
  const to = await ben.connect();
  await to.next('drained');
  assert.equal(to.deliveries.length, 0);
});

test('[MSG-5] to the own account the sending device is not named', async (t) => {
  const { ana, from } = await twoPeople(t);
  const refused = await failure(from.send(ana.address));
  assert.deepEqual(refused.staleDevices!.gone, [ana.deviceId]);
  const value = { ...sendRequest([ana.address]), envelopes: [] };
  await from.request({ case: 'send', value }, 'sent');
});

test('an unknown recipient is answered account-unknown', async (t) => {
  const { from } = await twoPeople(t);
  const nobody = { accountId: messageId() as unknown as Address['accountId'], deviceId: 1 as DeviceId };
  assert.equal((await failure(from.send(nobody))).code, 'account-unknown');
});

test('[MSG-6] a full queue refuses the sender, by count and by bytes, until there is room', async (t) => {
  const { ben, from } = await twoPeople(t, {
    CARILLON_MESSAGING_QUEUE_MESSAGES_MAX: '3',
    CARILLON_MESSAGING_QUEUE_SENDER_PERCENT: '100',
    CARILLON_MESSAGING_QUEUE_BYTES_MAX: '2048',
  });
  for (let sent = 0; sent < 3; sent++) await from.send(ben.address);
  const refused = await failure(from.send(ben.address));
  assert.equal(refused.code, 'queue-full');
  assert.ok(refused.retryAfterMs > 0);
  const to = await ben.connect();
  await to.ack(...(await to.delivered(3)).map((delivery) => delivery.seq));
  await from.send(ben.address, { ciphertext: new Uint8Array(2000) });
  assert.equal((await failure(from.send(ben.address, { ciphertext: new Uint8Array(100) }))).code, 'queue-full');
});

test('[MSG-8] what has expired is dropped unread, and makes room', async (t) => {
  const { server, ben, from } = await twoPeople(t, {
    CARILLON_MESSAGING_QUEUE_MESSAGES_MAX: '2',
    CARILLON_MESSAGING_QUEUE_SENDER_PERCENT: '100',
  });
  await from.send(ben.address, { expiresAtMs: Date.now() + 60_000, urgent: true });
  await from.send(ben.address);
  server.clock.aheadMs = 61_000;
  const kept = messageId();
  await from.send(ben.address, { messageId: kept });
  const to = await ben.connect();
  await to.next('drained');
  assert.equal(to.deliveries.length, 2);
  assert.equal(to.deliveries[1]!.messageId, kept);
});

test('[MSG-8] the age limit holds whatever the sender asks for', async (t) => {
  const { server, ben, from } = await twoPeople(t, { CARILLON_MESSAGING_AGE_DAYS_MAX: '1' });
  await from.send(ben.address, { expiresAtMs: Date.now() + 365 * 24 * 3600_000 });
  server.clock.aheadMs = 25 * 3600_000;
  const to = await ben.connect();
  await to.next('drained');
  assert.equal(to.deliveries.length, 0);
});

test('[MSG-4] urgent envelopes overtake the others, and keep their order', async (t) => {
  const { ben, from } = await twoPeople(t);
  const ids: string[] = [];
  for (const urgent of [false, true, false, true, false]) {
    const id = messageId();
    ids.push(id);
    await from.send(ben.address, { messageId: id, urgent });
  }
  const to = await ben.connect();
  await to.next('drained');
  const order = [1, 3, 0, 2, 4].map((index) => ids[index]);
  assert.deepEqual(
    to.deliveries.map((delivery) => delivery.messageId),
    order,
  );
});

test('[MSG-4] an urgent envelope reaches a device whose window is full', async (t) => {
  const { ben, from } = await twoPeople(t);
  await Promise.all(Array.from({ length: 140 }, () => from.send(ben.address)));
  const to = await ben.connect();
  await to.delivered(128);
  await from.send(ben.address, { urgent: true });
  assert.equal((await to.delivered(129))[128]!.urgent, true);
});

test('[MSG-2] a backlog of the largest envelopes drains without the socket being cut as too slow', async (t) => {
  const { ben, from } = await twoPeople(t);
  const ciphertext = new Uint8Array(LIMITS.envelopeBytesMax);
  await Promise.all(Array.from({ length: 120 }, () => from.send(ben.address, { ciphertext })));
  const to = await ben.connect();
  for (let count = 1; count <= 120; count++) await to.ack((await to.delivered(count))[count - 1]!.seq);
  await to.next('drained');
});

test('invalid sends are answered by their codes', async (t) => {
  const { ben, from } = await twoPeople(t);
  const send = (change: object, options: SendOptions = {}) =>
    failure(from.request({ case: 'send', value: { ...sendRequest([ben.address], options), ...change } }, 'sent'));
  const [envelope] = sendRequest([ben.address]).envelopes;
  const invalid: [object, string][] = [
    [{ messageId: 'short' }, 'invalid-request'],
    [{ recipientAccountId: '../../etc' }, 'invalid-request'],
    [{ envelopes: [{ ...envelope!, kind: EnvelopeKind.UNSPECIFIED }] }, 'invalid-request'],
    [{ envelopes: [{ ...envelope!, kind: 9 }] }, 'invalid-request'],
    [{ envelopes: [{ ...envelope!, deviceId: 0 }] }, 'invalid-request'],
    [{ envelopes: [envelope!, envelope!] }, 'invalid-request'],
    [{ envelopes: Array.from({ length: 17 }, (_, i) => ({ ...envelope!, deviceId: i + 1 })) }, 'invalid-request'],
    [{ envelopes: [{ ...envelope!, ciphertext: new Uint8Array(0) }] }, 'invalid-request'],
    [{ envelopes: [{ ...envelope!, ciphertext: new Uint8Array(LIMITS.envelopeBytesMax + 1) }] }, 'frame-too-large'],
  ];
  for (const [change, code] of invalid)
    assert.equal((await send(change)).code, code, JSON.stringify(change).slice(0, 80));
  const tooMany = from.request({ case: 'ack', value: { seqs: Array<bigint>(1025).fill(1n) } }, 'acked');
  assert.equal((await failure(tooMany)).code, 'invalid-request');
  await from.send(ben.address);
});

async function fetchBundle(socket: TestSocket, of: TestDevice) {
  const bundles = await socket.request({ case: 'fetchBundles', value: { accountId: of.accountId } }, 'bundles');
  assert.equal(bundles.devices.length, 1);
  return bundles.devices[0]!;
}

test('[E2EE-12] a one-time prekey is given out once; then bundles come without, and the device is told', async (t) => {
  const { ben, from } = await twoPeople(t, {}, 2);
  const to = await ben.connect();
  const given = [await fetchBundle(from, ben), await fetchBundle(from, ben), await fetchBundle(from, ben)];
  assert.deepEqual(
    given.map((bundle) => bundle.oneTimePrekey?.id),
    [1, 2, undefined],
  );
  assert.deepEqual(Buffer.from(given[0]!.identityKey), ben.identity.publicKey);
  assert.equal(given[0]!.signedPrekey!.id, 1);
  assert.equal((await to.next('prekeys')).oneTimePrekeys, 1);
});

test('prekeys are published up to the limit, each checked', async (t) => {
  const { ben, from } = await twoPeople(t, {}, 2);
  const to = await ben.connect();
  const asBytes = (count: number, firstId: number) =>
    oneTimePrekeys(count, firstId).map(({ id, publicKey }) => ({ id, publicKey: Buffer.from(publicKey, 'base64url') }));
  const publish = (value: object) => to.request({ case: 'publishPrekeys', value }, 'prekeys');
  assert.equal((await publish({ oneTimePrekeys: asBytes(50, 2) })).oneTimePrekeys, 51, 'id 2 was held already');
  assert.equal((await publish({ oneTimePrekeys: asBytes(200, 1000) })).oneTimePrekeys, 200);

  const { id, publicKey, signature } = ben.identity.signedPrekey(7);
  const signedPrekey = {
    id,
    publicKey: Buffer.from(publicKey, 'base64url'),
    signature: Buffer.from(signature, 'base64url'),
  };
  await publish({ signedPrekey });
  assert.equal((await fetchBundle(from, ben)).signedPrekey!.id, 7);
  const refusals: [object, string][] = [
    [{ signedPrekey: { ...signedPrekey, id: 8 } }, 'signature-invalid'],
    [{ signedPrekey: { ...signedPrekey, publicKey: new Uint8Array(31) } }, 'invalid-request'],
    [{ oneTimePrekeys: [{ id: 0, publicKey: x25519PublicKey() }] }, 'invalid-request'],
    [{ oneTimePrekeys: [{ id: 5, publicKey: new Uint8Array(32) }] }, 'invalid-request'],
    [{ oneTimePrekeys: [{ id: 5, publicKey: new Uint8Array(32).fill(0xff) }] }, 'invalid-request'],
  ];
  for (const [value, code] of refusals) assert.equal((await failure(publish(value))).code, code);
});

test('accounts are found by handle, folded, and by id', async (t) => {
  const { ben, from } = await twoPeople(t);
  const find = (value: object) => from.request({ case: 'findAccount', value }, 'account');
  const byHandle = await find({ handle: ' @BEN ' });
  assert.deepEqual([byHandle.accountId, byHandle.handle, byHandle.deviceIds], [ben.accountId, 'ben', [ben.deviceId]]);
  assert.equal((await find({ accountId: ben.accountId })).handle, 'ben');
  assert.equal((await failure(find({ handle: 'nobody' }))).code, 'account-unknown');
  assert.equal((await failure(find({ handle: 'a b' }))).code, 'handle-invalid');
  assert.equal((await failure(find({}))).code, 'invalid-request');
  assert.equal((await failure(find({ handle: 'ben', accountId: ben.accountId }))).code, 'invalid-request');
});

test('[E2EE-12] look-ups of one account are limited, so that nobody drains prekeys', async (t) => {
  const { ben, from } = await twoPeople(t);
  const look = () => from.request({ case: 'fetchBundles', value: { accountId: ben.accountId } }, 'bundles');
  const results = await Promise.allSettled(Array.from({ length: 600 }, look));
  const refused = results.filter((result) => result.status === 'rejected');
  assert.ok(refused.length > 50);
  assert.equal((refused[0]!.reason as RequestFailure).failure.code, 'rate-limited');
});
