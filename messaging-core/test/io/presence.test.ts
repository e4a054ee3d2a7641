// Who sees whether somebody is there, and who is not heard at all.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type AccountId, LIMITS, type Presence, PresenceAudience } from '@carillon/protocol';
import { messageId, TestDevice } from '../testDevice.ts';
import { newAccountId } from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { refusal, sendRequest, type TestSocket } from '../testSocket.ts';

async function two(t: TestContext, env: Record<string, string> = {}) {
  const server = await startServer(t, env);
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  return { server, ana, ben, a: await ana.connect(), b: await ben.connect() };
}

const setActive = (socket: TestSocket, active: boolean) =>
  socket.request({ case: 'setPresence', value: { active } }, 'done');

function setPrivacy(socket: TestSocket, presence: PresenceAudience, key?: Uint8Array) {
  const presenceKeyDigest = key ? createHash('sha256').update(key).digest() : new Uint8Array();
  return socket.request({ case: 'setPrivacy', value: { privacy: { presence, presenceKeyDigest } } }, 'privacy');
}

const watch = (socket: TestSocket, accountId: string, presenceKey = new Uint8Array()) =>
  socket.request({ case: 'watchPresence', value: { accountId, watch: true, presenceKey } }, 'presence');

const unwatch = (socket: TestSocket, accountId: string) =>
  socket.request({ case: 'watchPresence', value: { accountId, watch: false } }, 'presence');

const setBlocked = (socket: TestSocket, accountId: string, blocked = true) =>
  socket.request({ case: 'setBlocked', value: { accountId, blocked } }, 'done');

function toldOf(socket: TestSocket): Presence[] {
  return socket.unasked.flatMap(({ body }) => (body.case === 'presence' ? [body.value] : []));
}

/** What the socket is told next, after `before` tellings. */
async function told(socket: TestSocket, before: number): Promise<Presence> {
  await socket.until(() => toldOf(socket).length > before, 'presence');
  return toldOf(socket)[before]!;
}

/** Nothing was pushed up to the answer of a later request. */
async function nothingTold(socket: TestSocket): Promise<void> {
  await socket.request({ case: 'ping', value: {} }, 'pong');
  assert.equal(toldOf(socket).length, 0);
}

const look = ({ visible, online, lastSeenMs }: Presence) => ({ visible, online, seen: lastSeenMs > 0n });
const HIDDEN = { visible: false, online: false, seen: false };

test('[PRES-1] watchers are told at once who comes and goes', async (t) => {
  const { ben, a, b, server } = await two(t);
  await setPrivacy(b, PresenceAudience.EVERYONE);
  assert.deepEqual(look(await watch(a, ben.accountId)), { visible: true, online: false, seen: false });
  await setActive(b, true);
  const online = await told(a, 0);
  assert.deepEqual([online.accountId, online.visible, online.online], [ben.accountId, true, true]);
  server.clock.aheadMs = 60_000;
  await setActive(b, false);
  const gone = await told(a, 1);
  assert.equal(gone.online, false);
  assert.ok(Math.abs(Number(gone.lastSeenMs) - Date.now() - 60_000) < 10_000);
  await setActive(b, true);
  await told(a, 2);
  await b.close();
  assert.equal((await told(a, 3)).online, false, 'a socket that ends is nobody there');
});

test('[PRES-2] online is any active device; connected is not active; last seen is kept over a restart', async (t) => {
  const { server, ben, a, b } = await two(t);
  await setPrivacy(b, PresenceAudience.EVERYONE);
  await watch(a, ben.accountId);
  const linked = await TestDevice.link(ben);
  const [first, second] = [await ben.connect(), await linked.connect()];
  await nothingTold(a);
  await setActive(first, true);
  await setActive(second, true);
  assert.equal((await told(a, 0)).online, true);
  await first.close();
  await setActive(second, false);
  const gone = await told(a, 1);
  assert.equal(gone.online, false, 'with the last device, not the first');
  assert.equal(toldOf(a).length, 2);
  const { lastSeenMs } = await watch(a, ben.accountId);
  assert.ok(lastSeenMs > 0n && lastSeenMs <= BigInt(Date.now()));
  await second.close();
  await server.close();
});

test('[PRES-2] last seen is there after a restart', async (t) => {
  const server = await startServer(t);
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const b = await ben.connect();
  await setPrivacy(b, PresenceAudience.EVERYONE);
  await setActive(b, true);
  server.clock.aheadMs = 60_000;
  await server.close();
  const next = await startServer(t, { CARILLON_DATA_DIR: server.dataDir });
  const a = await ana.connect(next);
  const { online, lastSeenMs } = await watch(a, ben.accountId);
  assert.equal(online, false);
  assert.ok(Number(lastSeenMs) > Date.now() + 50_000, 'until the server went');
});

test('[PRES-3] hidden, blocked and unknown look alike; only the right key shows', async (t) => {
  const { ana, ben, a, b } = await two(t);
  const key = randomBytes(16);
  await setActive(b, true);
  assert.deepEqual(look(await watch(a, ben.accountId)), HIDDEN, 'key holders, by default, and nobody has one');
  assert.deepEqual(look(await watch(a, ben.accountId, randomBytes(16))), HIDDEN);
  assert.deepEqual(look(await watch(a, newAccountId())), HIDDEN, 'nobody has this id');
  await setPrivacy(b, PresenceAudience.KEY_HOLDERS, key);
  assert.deepEqual(look(await watch(a, ben.accountId, key)), { visible: true, online: true, seen: true });
  assert.deepEqual(look(await watch(a, ben.accountId, randomBytes(16))), HIDDEN);
  assert.deepEqual(look(await watch(a, ben.accountId)), HIDDEN);
  await setPrivacy(b, PresenceAudience.NOBODY, key);
  assert.deepEqual(look(await watch(a, ben.accountId, key)), HIDDEN);
  await setPrivacy(b, PresenceAudience.EVERYONE);
  assert.equal((await watch(a, ben.accountId)).online, true);
  await setBlocked(b, ana.accountId);
  assert.deepEqual(look(await watch(a, ben.accountId)), HIDDEN);
});

test('[PRES-4] a change of audience, key or blocks is a change of what runs', async (t) => {
  const { server, ana, ben, a, b } = await two(t);
  const [key, nextKey] = [randomBytes(16), randomBytes(16)];
  await setActive(b, true);
  await watch(a, ben.accountId, key);
  let count = 0;
  const next = async () => look(await told(a, count++));
  await setPrivacy(b, PresenceAudience.KEY_HOLDERS, key);
  const visible = { visible: true, online: true, seen: true };
  assert.deepEqual(await next(), visible);
  await setPrivacy(b, PresenceAudience.KEY_HOLDERS, nextKey);
  assert.deepEqual(await next(), HIDDEN);
  await setPrivacy(b, PresenceAudience.EVERYONE);
  assert.deepEqual(await next(), visible);
  await setBlocked(b, ana.accountId);
  assert.deepEqual(await next(), HIDDEN);
  await setActive(b, false);
  await setBlocked(b, ana.accountId, false);
  assert.deepEqual(await next(), { visible: true, online: false, seen: true });
  await setPrivacy(b, PresenceAudience.NOBODY);
  assert.deepEqual(await next(), HIDDEN);
  await setActive(b, true);
  await a.request({ case: 'ping', value: {} }, 'pong');
  assert.equal(toldOf(a).length, count, 'what is hidden is not told');
  // Others are not affected by a block of one.
  const cyd = await (await TestDevice.register(server, 'cyd')).connect();
  await setPrivacy(b, PresenceAudience.EVERYONE);
  await setBlocked(b, ana.accountId);
  assert.equal((await watch(cyd, ben.accountId)).online, true);
});

test('[PRES-5] watches are 32 a socket and end with it, or when they are ended', async (t) => {
  const { ana, ben, a, b } = await two(t);
  await setPrivacy(b, PresenceAudience.EVERYONE);
  const strangers = Array.from({ length: LIMITS.presenceWatchesMax - 1 }, () => newAccountId());
  await watch(a, ben.accountId);
  for (const accountId of strangers) await watch(a, accountId);
  await watch(a, ben.accountId);
  assert.equal((await refusal(watch(a, newAccountId()))).code, 'watch-limit');
  await unwatch(a, strangers[0]!);
  await watch(a, newAccountId());
  assert.equal(look(await unwatch(a, ben.accountId)).visible, false);
  await setActive(b, true);
  await nothingTold(a);
  await a.close();
  const again = await ana.connect();
  await setActive(b, false);
  await nothingTold(again);
  for (const accountId of strangers) await watch(again, accountId);
});

test('[PRES-6] what a blocked account sends is answered as accepted and comes to nobody', async (t) => {
  const { ana, ben, a, b } = await two(t);
  await setBlocked(b, ana.accountId);
  assert.ok((await a.send(ben.address)) > 0);
  assert.ok((await a.send(ben.address, { urgent: true })) > 0);
  await a.request({ case: 'send', value: { ...sendRequest([ben.address]), ephemeral: true } }, 'sent');
  const bundles = await a.request({ case: 'fetchBundles', value: { accountId: ben.accountId } }, 'bundles');
  assert.equal(bundles.devices.length, 1, 'prekeys as before: a block is not told');
  const found = await a.request({ case: 'findAccount', value: { handle: 'ben' } }, 'account');
  assert.equal(found.accountId, ben.accountId);
  await b.send(ana.address);
  await a.delivered(1);
  assert.equal(b.deliveries.length, 0);
  await setBlocked(b, ana.accountId, false);
  const id = messageId();
  await a.send(ben.address, { messageId: id });
  assert.equal((await b.delivered(1))[0]!.messageId, id, 'what was dropped does not come later');
});

test('[PRES-6] the list of who is blocked is kept, and is nobody else’s', async (t) => {
  const { ana, a, b } = await two(t);
  const others = [ana.accountId, newAccountId()];
  const list = async (socket: TestSocket) =>
    [...(await socket.request({ case: 'listBlocked', value: {} }, 'blocked')).accountIds].sort();
  for (const accountId of others) await setBlocked(b, accountId);
  await setBlocked(b, others[0]!);
  assert.deepEqual(await list(b), [...others].sort());
  assert.deepEqual(await list(a), []);
  await setBlocked(b, others[0]!, false);
  await setBlocked(b, newAccountId(), false);
  assert.deepEqual(await list(b), [others[1]]);
});

test('[PRES-7] the welcome tells the privacy that was set', async (t) => {
  const { server, ana, a } = await two(t);
  const key = randomBytes(16);
  await setPrivacy(a, PresenceAudience.KEY_HOLDERS, key);
  const { TestSocket } = await import('../testSocket.ts');
  const socket = await TestSocket.open(server.url);
  const { privacy } = await socket.hello(await ana.login());
  assert.equal(privacy!.presence, PresenceAudience.KEY_HOLDERS);
  assert.deepEqual(Buffer.from(privacy!.presenceKeyDigest), createHash('sha256').update(key).digest());
});

test('[PRES-8] bad requests are answered by their codes, and change nothing', async (t) => {
  const { ana, ben, a } = await two(t);
  const digest = new Uint8Array(32);
  const bad: [Parameters<TestSocket['request']>[0], string][] = [
    [{ case: 'watchPresence', value: { accountId: 'x', watch: true } }, 'invalid-request'],
    [{ case: 'watchPresence', value: { accountId: 'x' } }, 'invalid-request'],
    [
      { case: 'watchPresence', value: { accountId: ben.accountId, watch: true, presenceKey: digest } },
      'invalid-request',
    ],
    [{ case: 'setPrivacy', value: {} }, 'invalid-request'],
    [{ case: 'setPrivacy', value: { privacy: {} } }, 'invalid-request'],
    [{ case: 'setPrivacy', value: { privacy: { presence: 9 as PresenceAudience } } }, 'invalid-request'],
    [
      { case: 'setPrivacy', value: { privacy: { presence: 1, presenceKeyDigest: digest.subarray(1) } } },
      'invalid-request',
    ],
    [{ case: 'setBlocked', value: { accountId: '', blocked: true } }, 'invalid-request'],
    [{ case: 'setBlocked', value: { accountId: ana.accountId, blocked: true } }, 'invalid-request'],
  ];
  for (const [body, code] of bad) assert.equal((await refusal(a.request(body, 'done'))).code, code);
  assert.deepEqual((await a.request({ case: 'listBlocked', value: {} }, 'blocked')).accountIds, []);
});

test('[PRES-8] many changes and watches in a row are limited', async (t) => {
  const { a } = await two(t);
  const blocks = Array.from({ length: 260 }, () => setBlocked(a, newAccountId()));
  const refused = (await Promise.allSettled(blocks)).filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 30 && refused.length < 100);
  const someone = newAccountId() as AccountId;
  const watches = Array.from({ length: 260 }, () => watch(a, someone));
  assert.ok((await Promise.allSettled(watches)).some(({ status }) => status === 'rejected'));
  for (let count = 0; count < 30; count++) await setActive(a, true);
  assert.equal((await refusal(setActive(a, true))).code, 'rate-limited');
  await setActive(a, false);
});
