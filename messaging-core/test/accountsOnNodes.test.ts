// Registration, login, linking and removal where two nodes serve one system over a real Redis.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type LinkOfferReply,
  type LinkReply,
  loginProof,
  PATHS,
  type RegistrationReply,
  type RevokedReply,
  type TokenReply,
  type VerifyReply,
} from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { post, TestDevice, TestIdentity } from './testDevice.ts';
import { startServer } from './testServer.ts';
import { TestSocket } from './testSocket.ts';

const TIMEOUT = { timeout: 60_000 };

async function twoNodes(t: TestContext) {
  const redis = await RedisServer.start(t);
  const env = { CARILLON_REDIS_URL: redis.url };
  return [await startServer(t, env), await startServer(t, env)] as const;
}

test('[AUTH-11] begun at one node, a registration, a login and a link go on at another', TIMEOUT, async (t) => {
  const [one, two] = await twoNodes(t);
  const identity = new TestIdentity();
  const { registrationId } = await post<RegistrationReply>(one.url + PATHS.messaging.registrations, { handle: 'ana' });
  const body = identity.verifyBody(registrationId, one.codeFor('ana'), []);
  const { accountId, deviceId } = await post<VerifyReply>(two.url + PATHS.messaging.verify(registrationId), body);
  const address = { accountId, deviceId };
  await assert.rejects(post(one.url + PATHS.messaging.verify(registrationId), body), { code: 'registration-unknown' });

  const { challenge } = await post<{ challenge: string }>(one.url + PATHS.messaging.challenges, address);
  const proof = { ...address, challenge, signature: identity.sign(loginProof(challenge)) };
  const { accessToken } = await post<TokenReply>(two.url + PATHS.messaging.tokens, proof);
  await assert.rejects(post(one.url + PATHS.messaging.tokens, proof), { code: 'token-invalid' });
  const socket = await TestSocket.open(one.url);
  await socket.hello(accessToken);

  const second = new TestIdentity();
  const { linkId } = await post<LinkReply>(two.url + PATHS.messaging.links, {});
  const look = fetch(two.url + PATHS.messaging.link(linkId)).then((response) => response.json());
  const deviceList = identity.deviceList(accountId, 1, [second]);
  await socket.request({ case: 'offerLink', value: { linkId, sealed: new Uint8Array([9]), deviceList } }, 'ownDevices');
  assert.equal(((await look) as LinkOfferReply).sealed, 'CQ');
  const linked = await TestDevice.completeLink(two, linkId, second);
  assert.equal((await socket.next('ownDevices')).devices.length, 2);
  for (const node of [one, two]) {
    const jwks = (await (await fetch(node.url + PATHS.messaging.jwks)).json()) as { keys: object[] };
    assert.equal(jwks.keys.length, 2);
  }

  const elsewhere = await linked.connect(two);
  const without = identity.deviceList(accountId, 2, []);
  await socket.request(
    { case: 'removeDevice', value: { deviceId: linked.deviceId, deviceList: without } },
    'ownDevices',
  );
  assert.equal((await elsewhere.closed).reason, 'device-removed', 'cut at the other node');
  for (const node of [one, two]) {
    const revoked = (await (await fetch(node.url + PATHS.messaging.revoked)).json()) as RevokedReply;
    assert.deepEqual(revoked.devices, [linked.address]);
  }
});

test('[AUTH-4] guesses at two nodes count together', TIMEOUT, async (t) => {
  const [one, two] = await twoNodes(t);
  const identity = new TestIdentity();
  const { registrationId } = await post<RegistrationReply>(one.url + PATHS.messaging.registrations, { handle: 'ana' });
  const code = one.codeFor('ana') === '000000' ? '000001' : '000000';
  const body = identity.verifyBody(registrationId, code, []);
  const guesses = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) =>
      post((n % 2 === 0 ? one : two).url + PATHS.messaging.verify(registrationId), body),
    ),
  );
  const codes = guesses.map((guess) => (guess as PromiseRejectedResult).reason.code as string);
  assert.equal(codes.filter((refusal) => refusal === 'code-wrong').length, 4, codes.join(' '));
  const right = { ...body, code: one.codeFor('ana') };
  await assert.rejects(post(one.url + PATHS.messaging.verify(registrationId), right), {
    code: 'code-attempts-exhausted',
  });
});

test('[AUTH-3] [NODE-7] a removed device whose cut got lost is cut by its node all the same', TIMEOUT, async (t) => {
  const redis = await RedisServer.start(t);
  const env = { CARILLON_REDIS_URL: redis.url };
  const [one, two] = [await startServer(t, env), await startServer(t, env, { revokedLookMs: 50 })];
  const ana = await TestDevice.register(one, 'ana');
  const linked = await TestDevice.link(ana);
  const [socket, elsewhere] = [await ana.connect(one), await linked.connect(two)];
  const link = await RedisLink.connect({ url: redis.url });
  t.after(() => link.close());
  // As though the other node's word of where the device is had been lost.
  const connected = `carillon:{a:${ana.accountId}}:on`;
  await link.command(connected, ['HDEL', connected, `${linked.deviceId}`]);
  const deviceList = ana.identity.deviceList(ana.accountId, 2, []);
  await socket.request({ case: 'removeDevice', value: { deviceId: linked.deviceId, deviceList } }, 'ownDevices');
  assert.equal((await elsewhere.closed).reason, 'device-removed');
  await socket.request({ case: 'ping', value: {} }, 'pong');
});
