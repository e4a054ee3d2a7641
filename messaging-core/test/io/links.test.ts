// A device becomes one of an account's: over HTTP, with the primary on its socket.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { LIMITS, type LinkOfferReply, type LinkReply, linkProof, PATHS } from '@carillon/protocol';
import { HttpFailure, oneTimePrekeys, post, TestDevice, TestIdentity, type TestServer } from '../testDevice.ts';
import { startServer } from '../testServer.ts';
import type { TestSocket } from '../testSocket.ts';

const begin = (server: TestServer, headers = {}) => post<LinkReply>(server.url + PATHS.messaging.links, {}, headers);
const complete = (server: TestServer, linkId: string, body: unknown) =>
  post(server.url + PATHS.messaging.completeLink(linkId), body);
const completion = (linkId: string, identity: TestIdentity) => ({
  device: identity.newDevice(oneTimePrekeys(3)),
  proof: identity.sign(linkProof(linkId)),
});
async function look(server: TestServer, linkId: string, signal?: AbortSignal): Promise<LinkOfferReply> {
  const response = await fetch(server.url + PATHS.messaging.link(linkId), signal ? { signal } : {});
  const json = (await response.json()) as never;
  if (!response.ok) throw new HttpFailure(response.status, json);
  return json;
}
const offer = (
  socket: TestSocket,
  linkId: string,
  deviceList: ReturnType<TestIdentity['deviceList']> | undefined,
  sealed = new Uint8Array([7, 7]),
) =>
  socket.request({ case: 'offerLink', value: { linkId, sealed, ...(deviceList ? { deviceList } : {}) } }, 'ownDevices');

async function primaryOf(t: TestContext, options: Parameters<typeof startServer>[2] = {}) {
  const server = await startServer(t, {}, options);
  const ana = await TestDevice.register(server, 'ana');
  return { server, ana, socket: await ana.connect() };
}

test('[AUTH-9] who shows the code hears of the offer at once, completes, and is one of the devices', async (t) => {
  const { server, ana, socket } = await primaryOf(t);
  const identity = new TestIdentity();
  const { linkId, expiresAtMs } = await begin(server);
  assert.ok(Math.abs(expiresAtMs - Date.now() - LIMITS.linkMs) < 5_000);
  const sealed = new Uint8Array(randomBytes(200));
  const waiting = look(server, linkId);
  const list = ana.identity.deviceList(ana.accountId, 1, [identity]);
  const before = await offer(socket, linkId, list, sealed);
  assert.equal(before.devices.length, 1, 'it is offered, not there yet');
  assert.equal((await waiting).sealed, Buffer.from(sealed).toString('base64url'));
  await offer(socket, linkId, list, sealed);

  const reply = await complete(server, linkId, completion(linkId, identity));
  assert.deepEqual(reply, { accountId: ana.accountId, deviceId: 2, handle: 'ana' });
  assert.deepEqual(await complete(server, linkId, completion(linkId, identity)), reply, 'the first answer got lost');
  const told = await socket.next('ownDevices');
  assert.deepEqual(
    told.devices.map(({ deviceId, connected }) => [deviceId, connected]),
    [
      [1, true],
      [2, false],
    ],
  );
  assert.deepEqual(Buffer.from(told.devices[1]!.identityKey), identity.publicKey);
  assert.equal(told.deviceList!.revision, 1);
});

test('[AUTH-15] own devices are listed, others see the list; a welcome names them', async (t) => {
  const { server, ana, socket } = await primaryOf(t);
  const second = await TestDevice.link(ana);
  const to = await second.connect();
  const own = await to.request({ case: 'listDevices', value: {} }, 'ownDevices');
  assert.deepEqual(
    own.devices.map(({ deviceId, connected }) => [deviceId, connected]),
    [
      [1, false],
      [2, true],
    ],
    'the other socket of the primary was replaced when it made the offer, and has ended',
  );
  assert.equal((await socket.closed).reason, 'replaced-by-new-connection');
  assert.ok(own.devices.every(({ createdAtMs, lastSeenMs }) => createdAtMs > 0n && lastSeenMs >= 0n));
  const ben = await (await TestDevice.register(server, 'ben')).connect();
  const found = await ben.request({ case: 'findAccount', value: { handle: 'ana' } }, 'account');
  const bundles = await ben.request({ case: 'fetchBundles', value: { accountId: ana.accountId } }, 'bundles');
  for (const { deviceList } of [found, bundles])
    assert.deepEqual(
      deviceList!.identityKeys.map((key) => Buffer.from(key)),
      [ana.identity.publicKey, second.identity.publicKey],
    );
  assert.equal(bundles.devices.length, 2);
  const again = await TestDevice.link(ana, [second]);
  await to.next('ownDevices');
  const { TestSocket } = await import('../testSocket.ts');
  const third = await TestSocket.open(server.url);
  assert.deepEqual((await third.hello(await again.login())).deviceIds, [1, 2, 3]);
});

test('[AUTH-9] a link works once, for 90 seconds, and not before it was offered', async (t) => {
  const { server, ana, socket } = await primaryOf(t);
  const [identity, stranger] = [new TestIdentity(), new TestIdentity()];
  const first = await begin(server);
  await assert.rejects(complete(server, first.linkId, completion(first.linkId, identity)), {
    code: 'link-not-offered',
    status: 404,
  });
  const list = ana.identity.deviceList(ana.accountId, 1, [identity]);
  await offer(socket, first.linkId, list);
  await assert.rejects(offer(socket, first.linkId, list, new Uint8Array([1])), { message: 'link-unknown' });
  await assert.rejects(complete(server, first.linkId, completion(first.linkId, stranger)), {
    code: 'device-list-invalid',
  });
  const both = await Promise.allSettled([
    complete(server, first.linkId, completion(first.linkId, identity)),
    complete(server, first.linkId, completion(first.linkId, identity)),
  ]);
  assert.ok(both.some(({ status }) => status === 'fulfilled'));
  assert.equal((await ana.connect()).isOpen, true);
  await assert.rejects(complete(server, first.linkId, completion(first.linkId, stranger)), { code: 'link-unknown' });
  await assert.rejects(look(server, first.linkId), { code: 'link-unknown', status: 404 });

  const late = await begin(server);
  server.clock.aheadMs = LIMITS.linkMs + 1_000;
  const again = await ana.connect();
  const nextList = ana.identity.deviceList(ana.accountId, 2, [identity, stranger]);
  await assert.rejects(offer(again, late.linkId, nextList), { message: 'link-unknown' });
  for (const linkId of [late.linkId, 'a'.repeat(32)]) {
    await assert.rejects(look(server, linkId), { code: 'link-unknown' });
    await assert.rejects(complete(server, linkId, completion(linkId, stranger)), { code: 'link-unknown' });
  }
});

test('[AUTH-9] only the primary offers, for one new device, with a list that may stand', async (t) => {
  const { server, ana } = await primaryOf(t);
  const second = await TestDevice.link(ana);
  const [asLinked, asPrimary] = [await second.connect(), await ana.connect()];
  const [third, fourth] = [new TestIdentity(), new TestIdentity()];
  const { linkId } = await begin(server);
  const list = (revision: number, ...others: TestIdentity[]) =>
    ana.identity.deviceList(ana.accountId, revision, others);
  const good = list(2, second.identity, third);
  const bySecond = second.identity.deviceList(ana.accountId, 2, [ana.identity, third]);
  await assert.rejects(offer(asLinked, linkId, good), { message: 'not-primary' });
  await assert.rejects(offer(asLinked, linkId, bySecond), { message: 'not-primary' });
  const invalid = [
    undefined,
    bySecond,
    list(1, second.identity, third),
    list(2, third),
    list(2, second.identity),
    list(2, second.identity, third, fourth),
    { ...good, signature: new Uint8Array(64) },
  ];
  for (const [index, bad] of invalid.entries())
    await assert.rejects(offer(asPrimary, linkId, bad), { message: 'device-list-invalid' }, String(index));
  for (const sealed of [new Uint8Array(0), new Uint8Array(LIMITS.linkSealedBytesMax + 1)])
    await assert.rejects(offer(asPrimary, linkId, good, sealed), { message: 'invalid-request' });
  await assert.rejects(offer(asPrimary, '../../etc', good), { message: 'link-unknown' });
  await offer(asPrimary, linkId, good);
});

test('[AUTH-7] the keys of a new device are checked, and a mistake in them does not use up the link', async (t) => {
  const { server, ana, socket } = await primaryOf(t);
  const [identity, other] = [new TestIdentity(), new TestIdentity()];
  const { linkId } = await begin(server);
  await offer(socket, linkId, ana.identity.deviceList(ana.accountId, 1, [identity]));
  const good = completion(linkId, identity);
  const { device } = good;
  const kem = identity.kemPrekey(5);
  const refusals: [object, string][] = [
    [{ proof: other.sign(linkProof(linkId)) }, 'signature-invalid'],
    [{ proof: identity.sign(linkProof('b'.repeat(32))) }, 'signature-invalid'],
    [{ device: { ...device, signedPrekey: other.signedPrekey(1) } }, 'signature-invalid'],
    [{ device: { ...device, lastResortKemPrekey: other.kemPrekey(1) } }, 'signature-invalid'],
    [{ device: { ...device, kemPrekeys: [{ ...kem, id: 6 }] } }, 'signature-invalid'],
    [{ device: { ...device, kemPrekeys: [kem, kem] } }, 'invalid-request'],
    [{ device: { ...device, kemPrekeys: [identity.kemPrekey(1_000_000)] } }, 'invalid-request'],
    [{ device: { ...device, kemPrekeys: [identity.kemPrekey(5, new Uint8Array(1568).fill(255))] } }, 'invalid-request'],
    [{ device: { ...device, kemPrekeys: [identity.kemPrekey(5, new Uint8Array(1567))] } }, 'invalid-request'],
    [{ device: { ...device, identityKey: 'A'.repeat(43) } }, 'invalid-request'],
    [{ device: { ...device, lastResortKemPrekey: undefined } }, 'invalid-request'],
    [{}, 'invalid-request'],
  ];
  for (const [index, [change, code]] of refusals.entries()) {
    const body = index === refusals.length - 1 ? {} : { ...good, ...change };
    await assert.rejects(complete(server, linkId, body), { code }, String(index));
  }
  await complete(server, linkId, good);
});

test('[AUTH-9] an account has five devices at most', async (t) => {
  const { server, ana } = await primaryOf(t);
  const others: TestDevice[] = [];
  for (let n = 2; n <= LIMITS.devicesPerAccountMax; n++) others.push(await TestDevice.link(ana, others));
  const socket = await ana.connect();
  const { linkId } = await begin(server);
  const identities = others.map(({ identity }) => identity);
  const list = ana.identity.deviceList(ana.accountId, 9, [...identities.slice(1), new TestIdentity()]);
  await assert.rejects(offer(socket, linkId, list), { message: 'device-limit' });
});

test('[AUTH-9] a list that another change has overtaken does not link', async (t) => {
  const { server, ana, socket } = await primaryOf(t);
  const [one, two] = [new TestIdentity(), new TestIdentity()];
  const [first, second] = [await begin(server), await begin(server)];
  await offer(socket, first.linkId, ana.identity.deviceList(ana.accountId, 1, [one]));
  await offer(socket, second.linkId, ana.identity.deviceList(ana.accountId, 1, [two]));
  await complete(server, first.linkId, completion(first.linkId, one));
  await assert.rejects(complete(server, second.linkId, completion(second.linkId, two)), {
    code: 'device-list-invalid',
  });
  const own = await socket.request({ case: 'listDevices', value: {} }, 'ownDevices');
  assert.equal(own.devices.length, 2);
});

test('[AUTH-9] a look without an offer ends by itself, when the asker goes, and when the server stops', async (t) => {
  const { server } = await primaryOf(t, { linkLookMs: 60 });
  const { linkId } = await begin(server);
  assert.deepEqual(await look(server, linkId), {});
  const patient = await primaryOf(t, { linkLookMs: 60_000 });
  const other = await begin(patient.server);
  const gone = new AbortController();
  const abandoned = look(patient.server, other.linkId, gone.signal);
  gone.abort();
  await assert.rejects(abandoned);
  const waiting = look(patient.server, other.linkId).catch((error: Error) => error);
  // Its own request has been taken: whoever was before it has, too.
  await fetch(patient.server.url + PATHS.messaging.health);
  const startedAt = performance.now();
  await patient.server.close();
  await waiting;
  assert.ok(performance.now() - startedAt < 5_000);
});

test('[AUTH-18] link codes are limited per remote address', async (t) => {
  const server = await startServer(t, { CARILLON_MESSAGING_LINKS_PER_HOUR_PER_ADDRESS: '2' });
  const from = (address: string) => ({ 'x-forwarded-for': address });
  await begin(server, from('192.0.2.1'));
  await begin(server, from('192.0.2.1'));
  await assert.rejects(begin(server, from('192.0.2.1')), { code: 'rate-limited', status: 429 });
  await begin(server, from('192.0.2.2'));
});
