// What a connected device asks of the directory, and of its own keys and token.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { accessClaimsSchema, LIMITS, PATHS, type RegistrationReply, TOKEN, type VerifyReply } from '@carillon/protocol';
import { TokenVerifier } from '@carillon/service';
import { createRemoteJWKSet } from 'jose';
import { oneTimePrekeys, post, TestDevice, TestIdentity } from '../testDevice.ts';
import { startServer } from '../testServer.ts';
import { type RequestFailure, TestSocket } from '../testSocket.ts';

async function twoPeople(t: TestContext, env: Record<string, string> = {}) {
  const server = await startServer(t, env);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  return { server, ana, ben, from: await ana.connect(), to: await ben.connect() };
}
const asBytes = <Prekey extends { publicKey: string }>({ publicKey, ...rest }: Prekey) => ({
  ...rest,
  publicKey: Buffer.from(publicKey, 'base64url'),
});
const kemOf = (identity: TestIdentity, id: number, publicKey?: Uint8Array) => {
  const { signature, ...rest } = identity.kemPrekey(id, ...(publicKey ? [publicKey] : []));
  return { ...asBytes(rest), signature: Buffer.from(signature, 'base64url') };
};
const fetchKem = async (socket: TestSocket, of: TestDevice) =>
  (await socket.request({ case: 'fetchBundles', value: { accountId: of.accountId } }, 'bundles')).devices[0]!.kemPrekey;

test('[AUTH-16] a token is refreshed over the socket, and is as good as one from login', async (t) => {
  const { server, ana, from } = await twoPeople(t);
  const { accessToken, expiresAtMs } = await from.request({ case: 'refreshToken', value: {} }, 'accessToken');
  assert.ok(Number(expiresAtMs) > Date.now() + 9 * 60_000);
  const verifier = new TokenVerifier({
    keys: createRemoteJWKSet(new URL(server.url + PATHS.messaging.jwks)),
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
  });
  const { sub, dev } = await verifier.verify(accessToken, Date.now());
  assert.deepEqual({ accountId: sub, deviceId: dev }, ana.address);
  const again = await TestSocket.open(server.url);
  assert.equal((await again.hello(accessToken)).self!.accountId, ana.accountId);
});

test('[WIRE-8] the welcome says the heartbeat; a ping is answered with the time', async (t) => {
  const { server, ana } = await twoPeople(t);
  const socket = await TestSocket.open(server.url);
  const welcome = await socket.hello(await ana.login(), 120_000);
  assert.equal(welcome.heartbeatMs, 120_000);
  const pong = await socket.request({ case: 'ping', value: {} }, 'pong');
  assert.ok(Math.abs(Number(pong.serverTimeMs) - Date.now()) < 5_000);
  const other = await TestSocket.open(server.url);
  assert.equal((await other.hello(await ana.login())).heartbeatMs, 30_000);
});

test('[WIRE-9] a silent device is taken for gone: its socket is closed', async (t) => {
  const server = await startServer(t, {}, { heartbeat: { minMs: 40, maxMs: 80, defaultMs: 60 } });
  const ana = await TestDevice.register(server, 'ana');
  const socket = await TestSocket.open(server.url);
  await socket.hello(await ana.login(), 40);
  assert.deepEqual(await socket.closed, { code: 4408, reason: 'heartbeat-missed' });
});

test('[AUTH-13] a device with a wrong clock logs in, and can tell by the welcome', async (t) => {
  for (const aheadMs of [-400 * 24 * 3600_000, 400 * 24 * 3600_000]) {
    const server = await startServer(t);
    // Of the server; the device's, which no request names, is as far off the other way.
    server.clock.aheadMs = aheadMs;
    const ana = await TestDevice.register(server, 'ana');
    const socket = await TestSocket.open(server.url);
    const { serverTimeMs } = await socket.hello(await ana.login());
    assert.ok(Math.abs(Number(serverTimeMs) - Date.now() - aheadMs) < 5_000);
    await socket.send(ana.address).catch((error: Error) => assert.equal(error.message, 'stale-devices'));
  }
});

test('[AUTH-7] registration takes KEM prekeys that the identity vouches for, and the welcome counts them', async (t) => {
  const server = await startServer(t);
  const identity = new TestIdentity();
  const { registrationId } = await post<RegistrationReply>(server.url + PATHS.messaging.registrations, {
    handle: 'ana',
  });
  const good = identity.verifyBody(registrationId, server.codeFor('ana'), oneTimePrekeys(2));
  const kemPrekeys = [identity.kemPrekey(1), identity.kemPrekey(2)];
  const verify = (device: object) =>
    post<VerifyReply>(server.url + PATHS.messaging.verify(registrationId), {
      ...good,
      device: { ...good.device, ...device },
    });
  const stranger = new TestIdentity();
  for (const [device, code] of [
    [{ kemPrekeys: [stranger.kemPrekey(1)] }, 'signature-invalid'],
    [{ lastResortKemPrekey: stranger.kemPrekey(9) }, 'signature-invalid'],
    [{ lastResortKemPrekey: undefined }, 'invalid-request'],
    [{ kemPrekeys: [kemPrekeys[0], kemPrekeys[0]] }, 'invalid-request'],
    [{ kemPrekeys: [{ ...kemPrekeys[0], id: 0 }] }, 'invalid-request'],
    [{ kemPrekeys: [{ ...kemPrekeys[0], publicKey: 'A'.repeat(43) }] }, 'invalid-request'],
    [{ kemPrekeys: Array.from({ length: 11 }, (_, i) => identity.kemPrekey(i + 1)) }, 'invalid-request'],
  ] as const)
    await assert.rejects(verify(device), { code });
  await verify({ kemPrekeys });
  const ana = await TestDevice.register(server, 'ana');
  assert.equal(ana.replacedDevices, true);
});

test('[AUTH-7] KEM prekeys are handed out once each, then the last-resort one; few left, the device is told', async (t) => {
  const { ben, from, to } = await twoPeople(t);
  assert.equal((await fetchKem(from, ben))!.id, 1_000_000, 'of last resort, from the registration');
  const published = await to.request(
    { case: 'publishPrekeys', value: { kemPrekeys: [1, 2].map((id) => kemOf(ben.identity, id)) } },
    'prekeys',
  );
  assert.equal(published.kemPrekeys, 2);
  const given = [await fetchKem(from, ben), await fetchKem(from, ben), await fetchKem(from, ben)];
  assert.deepEqual(
    given.map((prekey) => prekey!.id),
    [1, 2, 1_000_000],
  );
  assert.equal(given[0]!.publicKey.length, 1568);
  assert.equal((await to.next('prekeys')).kemPrekeys, 1);
  await to.request({ case: 'publishPrekeys', value: { lastResortKemPrekey: kemOf(ben.identity, 7) } }, 'prekeys');
  assert.equal((await fetchKem(from, ben))!.id, 7);
});

test('[AUTH-7] what is published is checked: signer, size, ids, number', async (t) => {
  const { ana, ben, to } = await twoPeople(t);
  const publish = (value: object) => to.request({ case: 'publishPrekeys', value }, 'prekeys');
  const good = kemOf(ben.identity, 1);
  const refusals: [object, string][] = [
    [{ kemPrekeys: [kemOf(ana.identity, 1)] }, 'signature-invalid'],
    [{ lastResortKemPrekey: kemOf(ana.identity, 1) }, 'signature-invalid'],
    [{ kemPrekeys: [{ ...good, id: 2 }] }, 'signature-invalid'],
    [{ kemPrekeys: [{ ...good, signature: new Uint8Array(3) }] }, 'signature-invalid'],
    [{ kemPrekeys: [good, good] }, 'invalid-request'],
    [{ kemPrekeys: [good], lastResortKemPrekey: good }, 'invalid-request'],
    [{ kemPrekeys: [{ ...good, id: 0 }] }, 'invalid-request'],
    [{ kemPrekeys: [{ ...good, id: 2 ** 31 }] }, 'invalid-request'],
    [{ kemPrekeys: [kemOf(ben.identity, 1, new Uint8Array(1567))] }, 'invalid-request'],
    [{ kemPrekeys: [kemOf(ben.identity, 1, new Uint8Array(1568).fill(0xff))] }, 'invalid-request'],
    [
      { kemPrekeys: Array.from({ length: LIMITS.kemPrekeysMax + 1 }, (_, i) => kemOf(ben.identity, i + 1)) },
      'invalid-request',
    ],
  ];
  for (const [value, code] of refusals) await assert.rejects(publish(value), { message: code });
  const many = Array.from({ length: LIMITS.kemPrekeysMax }, (_, i) => kemOf(ben.identity, i + 1));
  assert.equal((await publish({ kemPrekeys: many })).kemPrekeys, LIMITS.kemPrekeysMax);
  assert.equal((await publish({ kemPrekeys: [kemOf(ben.identity, 500)] })).kemPrekeys, LIMITS.kemPrekeysMax);
});

test('[AUTH-18] look-ups are limited per device, per account and per remote address', async (t) => {
  const look = async (socket: TestSocket, count: number) => {
    const results = await Promise.allSettled(
      Array.from({ length: count }, () => socket.request({ case: 'findAccount', value: { handle: 'ben' } }, 'account')),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    for (const { reason } of refused) {
      const { failure } = reason as RequestFailure;
      assert.equal(failure.code, 'rate-limited');
      assert.ok(failure.retryAfterMs > 0);
    }
    return count - refused.length;
  };
  const name = (what: string) => `CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_${what}`;
  const perDevice = await twoPeople(t, { [name('DEVICE')]: '3' });
  assert.equal(await look(perDevice.from, 6), 3);
  assert.equal(await look(perDevice.to, 2), 2);
  const perAccount = await twoPeople(t, { [name('ACCOUNT')]: '4' });
  const second = await (await TestDevice.link(perAccount.ana)).connect();
  const first = await perAccount.ana.connect();
  assert.equal((await look(first, 3)) + (await look(second, 3)), 4);
  const perAddress = await twoPeople(t, { [name('ADDRESS')]: '5' });
  assert.equal((await look(perAddress.from, 4)) + (await look(perAddress.to, 4)), 5);
});

test("[AUTH-18] one account's prekeys are fetched by another at a rate of its own", async (t) => {
  const { server, ana, ben, from, to } = await twoPeople(t, {
    CARILLON_MESSAGING_PREKEY_FETCHES_PER_HOUR_PER_PEER: '2',
  });
  await fetchKem(from, ben);
  await fetchKem(from, ben);
  await assert.rejects(fetchKem(from, ben), { message: 'rate-limited' });
  await fetchKem(to, ana);
  const cyd = await (await TestDevice.register(server, 'cyd')).connect();
  await fetchKem(cyd, ben);
});

test('[AUTH-18] sockets count among the requests of a remote address', async (t) => {
  const server = await startServer(t, { CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: '1' });
  const opened = await Promise.allSettled(Array.from({ length: 15 }, () => TestSocket.open(server.url)));
  const refused = opened.filter((result) => result.status === 'rejected');
  assert.ok(refused.length >= 4, String(refused.length));
  assert.match(String((refused[0] as PromiseRejectedResult).reason), /429/);
});
