// Sends that are not kept, sends that are too many, and where devices are woken.
import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DeviceId, PushService } from '@carillon/protocol';
import type { PushTarget } from '../../src/core/messagingStore.ts';
import { SqliteStore } from '../../src/index.ts';
import { messageId, TestDevice } from '../testDevice.ts';
import { createGroup, groupSend, newAccountId } from '../testGroup.ts';
import { startServer, tempDir } from '../testServer.ts';
import { refusal, sendRequest, type TestSocket } from '../testSocket.ts';

async function two(t: TestContext, env: Record<string, string> = {}, store?: SqliteStore) {
  const server = await startServer(t, env, store ? { store } : {});
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  return { server, ana, ben, a: await ana.connect() };
}

const ephemeral = (socket: TestSocket, to: TestDevice['address'], id = messageId()) =>
  socket.request({ case: 'send', value: { ...sendRequest([to], { messageId: id }), ephemeral: true } }, 'sent');

test('[MSG-15] an ephemeral envelope comes at once with seq 0, and never again', async (t) => {
  const { ana, ben, a } = await two(t);
  const b = await ben.connect();
  const id = messageId();
  assert.ok((await ephemeral(a, ben.address, id)).acceptedAtMs > 0n);
  const [delivery] = await b.delivered(1);
  assert.deepEqual([delivery!.seq, delivery!.messageId, delivery!.groupId], [0n, id, '']);
  assert.equal(delivery!.from!.accountId, ana.accountId);
  await b.ack(0n);
  const again = await ben.connect();
  await again.next('drained');
  assert.equal(again.deliveries.length, 0);
});

test('[MSG-15] the answer is the same for who is away, who is not, and who was never there', async (t) => {
  const { ben, a } = await two(t);
  await ephemeral(a, ben.address);
  await ephemeral(a, { ...ben.address, deviceId: 77 as DeviceId });
  await ephemeral(a, { accountId: newAccountId(), deviceId: 1 as DeviceId });
  const b = await ben.connect();
  await b.next('drained');
  assert.equal(b.deliveries.length, 0);
  const bad = { ...sendRequest([ben.address]), ephemeral: true, messageId: 'x' };
  assert.equal((await refusal(a.request({ case: 'send', value: bad }, 'sent'))).code, 'invalid-request');
});

test('[MSG-15] ephemeral envelopes of a device have a rate of their own', async (t) => {
  const { ben, a } = await two(t);
  const sends = await Promise.allSettled(Array.from({ length: 60 }, () => ephemeral(a, ben.address)));
  const refused = sends.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length >= 30);
  await a.send(ben.address);
});

test('[MSG-16] sends have rates by device, by account and by address', async (t) => {
  for (const limited of ['DEVICE', 'ACCOUNT', 'ADDRESS']) {
    const { server, ana, ben, a } = await two(t, { [`CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_${limited}`]: '12' });
    for (let count = 0; count < 11; count++) await a.send(ben.address);
    const linked = await (await TestDevice.link(ana)).connect();
    const from = await ana.connect();
    const sendOf = (socket: TestSocket) => socket.request({ case: 'send', value: sendRequest([ben.address]) }, 'sent');
    await sendOf(from);
    const refused = await refusal(sendOf(from));
    assert.equal(refused.code, 'rate-limited');
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 5_000);
    const b = await ben.connect();
    const own = (socket: TestSocket) => socket.request({ case: 'send', value: sendRequest([ana.address]) }, 'sent');
    if (limited === 'DEVICE') await sendOf(linked);
    else assert.equal((await refusal(sendOf(linked))).code, 'rate-limited', 'another device of the account');
    if (limited === 'ADDRESS') assert.equal((await refusal(own(b))).code, 'rate-limited', 'others from there, too');
    server.clock.aheadMs = 60_000;
    await sendOf(from);
  }
});

test('[MSG-16] a group message counts as four', async (t) => {
  const { ana, ben, a } = await two(t, { CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_DEVICE: '12' });
  const { groupId } = await createGroup(a, ana, [ben]);
  for (let count = 0; count < 3; count++) await groupSend(a, groupId);
  assert.equal((await refusal(groupSend(a, groupId))).code, 'rate-limited');
});

const curve = createECDH('prime256v1');
curve.generateKeys();
const p256dh = new Uint8Array(curve.getPublicKey());
const auth = new Uint8Array(16).fill(5);
const APNS = 'ab'.repeat(32);
const FCM = `cX1:APA91b${'A-_'.repeat(40)}`;
const ENDPOINT = 'https://updates.push.services.mozilla.com/wpush/v2/abc';

async function withTargets(t: TestContext) {
  const store = new SqliteStore(path.join(await tempDir(t), 'messaging.db'));
  const { ana, a } = await two(t, {}, store);
  const set = (value: object) => a.request({ case: 'setPushTarget', value }, 'done');
  return { ana, set, targets: () => store.pushTargets(ana.address) };
}

test('[MSG-18] a device has one push target a service, until it takes it away', async (t) => {
  const { set, targets } = await withTargets(t);
  await set({ service: PushService.APNS, token: APNS });
  await set({ service: PushService.APNS_VOIP, token: 'cd'.repeat(100) });
  await set({ service: PushService.FCM, token: FCM });
  await set({ service: PushService.WEB, token: ENDPOINT, p256dh, auth });
  const web = (kept: readonly PushTarget[]) => kept.find(({ service }) => service === 'web');
  const all = await targets();
  assert.deepEqual(all.map(({ service }) => service).sort(), ['apns', 'apns-voip', 'fcm', 'web']);
  assert.equal(web(all)!.token, ENDPOINT);
  assert.deepEqual(
    [Buffer.from(web(all)!.p256dh!), Buffer.from(web(all)!.auth!)],
    [Buffer.from(p256dh), Buffer.from(auth)],
  );
  await set({ service: PushService.WEB, token: `${ENDPOINT}d`, p256dh, auth });
  await set({ service: PushService.APNS, token: '' });
  const left = await targets();
  assert.deepEqual(left.map(({ service }) => service).sort(), ['apns-voip', 'fcm', 'web']);
  assert.equal(web(left)!.token, `${ENDPOINT}d`);
});

test('[MSG-18] what is no token of its service is refused, and the server sends nothing into its own network', async (t) => {
  const { set, targets } = await withTargets(t);
  const web = { service: PushService.WEB, token: ENDPOINT, p256dh, auth };
  const offCurve = Uint8Array.from(p256dh);
  offCurve[64]! ^= 1;
  const bad = [
    {},
    { service: 9, token: APNS },
    { service: PushService.APNS, token: 'zz'.repeat(32) },
    { service: PushService.APNS, token: 'ab'.repeat(31) },
    { service: PushService.APNS, token: 'ab'.repeat(101) },
    { service: PushService.APNS, token: APNS, auth },
    { service: PushService.APNS_VOIP, token: `${APNS}a` },
    { service: PushService.FCM, token: 'short' },
    { service: PushService.FCM, token: `${FCM}\r\nx: y` },
    { service: PushService.FCM, token: 'A'.repeat(1025) },
    { service: PushService.FCM, token: FCM, p256dh },
    { ...web, p256dh: p256dh.subarray(1) },
    { ...web, p256dh: offCurve },
    { ...web, p256dh: new Uint8Array(65) },
    { ...web, p256dh: Uint8Array.from([2, ...p256dh.subarray(1, 33)]) },
    { ...web, auth: new Uint8Array(15) },
    ...[
      'http://updates.push.services.mozilla.com/x',
      'https://user:secret@updates.push.services.mozilla.com/x',
      'https://127.0.0.1/x',
      'https://127.1/x',
      'https://[::1]/x',
      'https://[::ffff:10.0.0.1]/x',
      'https://169.254.169.254/latest/meta-data',
      'https://10.0.0.1/x',
      'https://localhost/x',
      'https://redis/x',
      'https://updates.push.services.mozilla.com.example.org/x',
      'https://example.org/x',
      'file:///etc/passwd',
      'nonsense',
      `https://updates.push.services.mozilla.com/${'x'.repeat(2048)}`,
    ].map((token) => ({ ...web, token })),
  ];
  for (const [index, value] of bad.entries()) {
    // One bad request after another, no more of them than an app would send.
    const { code } = await refusal(set(value));
    assert.equal(code, 'invalid-request', `${index}`);
  }
  assert.deepEqual(await targets(), []);
});
