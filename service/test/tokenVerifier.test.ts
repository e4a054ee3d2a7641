import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, PATHS, ProtocolError, TOKEN } from '@carillon/protocol';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { silentLog, TokenVerifier } from '../src/index.ts';

const claims = z.object({ sub: z.string(), exp: z.number() });
const { publicKey, privateKey } = await generateKeyPair('EdDSA');
const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'EdDSA' };
const NOW_MS = 1_800_000_000_000;

function sign(
  over: {
    issuer?: string;
    audience?: string;
    expiresInSeconds?: number;
    key?: CryptoKey;
    sub?: string | undefined;
  } = {},
): Promise<string> {
  const jwt = new SignJWT({})
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k' })
    .setIssuer(over.issuer ?? 'i')
    .setAudience(over.audience ?? 'a')
    .setExpirationTime(NOW_MS / 1000 + (over.expiresInSeconds ?? 60));
  return ('sub' in over && over.sub === undefined ? jwt : jwt.setSubject(over.sub ?? 'ana')).sign(
    over.key ?? privateKey,
  );
}
const verifier = (keys: ConstructorParameters<typeof TokenVerifier>[0]['keys'] = createLocalJWKSet({ keys: [jwk] })) =>
  new TokenVerifier({
    keys,
    issuer: 'i',
    audience: 'a',
    claims,
    invalid: 'token-invalid',
    expired: 'token-expired',
    rememberMax: 2,
  });
const refused = (code: ErrorCode) => (error: unknown) => error instanceof ProtocolError && error.code === code;

test('[AUTH-1] a good token gives its claims, again and again until it expires', async () => {
  const subject = verifier();
  const token = await sign();
  assert.equal((await subject.verify(token, NOW_MS)).sub, 'ana');
  assert.equal((await subject.verify(token, NOW_MS + 59_000)).sub, 'ana');
  await assert.rejects(subject.verify(token, NOW_MS + 61_000), refused('token-expired'));
});

test('[AUTH-1] what another key, issuer or audience signed, or lacks a claim, is invalid', async () => {
  const other = await generateKeyPair('EdDSA');
  const bad = [{ issuer: 'x' }, { audience: 'x' }, { key: other.privateKey }, { sub: undefined }];
  for (const over of bad)
    await assert.rejects(
      verifier().verify(await sign(over), NOW_MS),
      refused('token-invalid'),
      JSON.stringify(Object.keys(over)),
    );
  for (const text of ['', 'x', 'a.b.c', `${(await sign()).slice(0, -4)}AAAA`, 'eyJhbGciOiJub25lIn0.e30.']) {
    await assert.rejects(verifier().verify(text, NOW_MS), refused('token-invalid'));
  }
  await assert.rejects(verifier().verify(await sign({ expiresInSeconds: -1 }), NOW_MS), refused('token-expired'));
});

test('keys come from a JWKS endpoint; without it the failure is ours, not the token’s', async () => {
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  const subject = verifier(url);
  const token = await sign();
  assert.equal((await subject.verify(token, NOW_MS)).sub, 'ana');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  // Known keys serve on while the issuer is away.
  assert.equal((await subject.verify(await sign({ sub: 'bob' }), NOW_MS)).sub, 'bob');
  await assert.rejects(verifier(url).verify(token, NOW_MS), refused('internal-error'));
});

const accessClaims = z.object({ sub: z.string(), dev: z.number(), exp: z.number() });
const ANA = 'AAAAAAAAAAAAAAAAAAAAAA';
const BEN = 'BBBBBBBBBBBBBBBBBBBBBA';
const accessToken = (sub: string, dev = 1) =>
  new SignJWT({ dev })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k' })
    .setIssuer(TOKEN.issuer.messaging)
    .setAudience('a')
    .setSubject(sub)
    .setExpirationTime(NOW_MS / 1000 + 600)
    .sign(privateKey);

/** messaging-core's two documents; `answer` may be replaced to do anything. */
async function messagingStandIn(t: TestContext) {
  const standIn = {
    devices: [] as { accountId: string; deviceId: number }[],
    down: false,
    asked: [] as (string | undefined)[],
    statuses: [] as number[],
    lines: [] as string[],
  };
  const server = createServer((request, response) => {
    if (request.url === PATHS.messaging.jwks) {
      response.end(JSON.stringify({ keys: [jwk] }));
      return;
    }
    assert.equal(request.url, PATHS.messaging.revoked);
    const etag = `"${standIn.devices.length}"`;
    standIn.asked.push(request.headers['if-none-match']);
    const status = standIn.down ? 500 : request.headers['if-none-match'] === etag ? 304 : 200;
    standIn.statuses.push(status);
    response.writeHead(status, { etag });
    response.end(status === 200 ? JSON.stringify({ devices: standIn.devices }) : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const log = { ...silentLog, warn: (line: string) => standIn.lines.push(line) };
  const subject = new TokenVerifier({
    keys: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${PATHS.messaging.jwks}`),
    issuer: TOKEN.issuer.messaging,
    audience: 'a',
    claims: accessClaims,
    invalid: 'token-invalid',
    expired: 'token-expired',
    pollEveryMs: 15,
    log,
  });
  t.after(() => {
    subject.close();
    server.closeAllConnections();
    server.close();
  });
  return { standIn, subject };
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 3_000;
  while (!(await done())) {
    assert.ok(performance.now() < end, 'in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('[AUTH-12] a removed device is refused with a token that still runs, remembered or not, and sessions are told', async (t) => {
  const { standIn, subject } = await messagingStandIn(t);
  const [ana, ben] = [await accessToken(ANA), await accessToken(BEN)];
  standIn.devices = [{ accountId: BEN, deviceId: 1 }];
  await assert.rejects(subject.verify(ben, NOW_MS), refused('device-removed'), 'known before the first answer');
  assert.equal((await subject.verify(ana, NOW_MS)).sub, ANA);
  const told = new Promise<void>((resolve) => subject.onRevoked(resolve));
  standIn.devices = [...standIn.devices, { accountId: ANA, deviceId: 1 }];
  await told;
  assert.equal(subject.isRevoked({ sub: ANA, dev: 1 }), true);
  await assert.rejects(subject.verify(ana, NOW_MS), refused('device-removed'));
  assert.equal((await subject.verify(await accessToken(ANA, 2), NOW_MS)).dev, 2, 'another device of the account');
  await until(() => standIn.statuses.at(-1) === 304);
});

test('[AUTH-12] without an answer tokens are believed, with a line in the log; what is known to be removed stays so', async (t) => {
  const { standIn, subject } = await messagingStandIn(t);
  standIn.devices = [{ accountId: BEN, deviceId: 1 }];
  const [ana, ben] = [await accessToken(ANA), await accessToken(BEN)];
  await assert.rejects(subject.verify(ben, NOW_MS), refused('device-removed'));
  standIn.down = true;
  await until(() => standIn.lines.length === 1);
  assert.equal((await subject.verify(ana, NOW_MS)).sub, ANA);
  await assert.rejects(subject.verify(ben, NOW_MS), refused('device-removed'));
  // Back again, restarted with an empty list.
  standIn.devices = [];
  standIn.down = false;
  await until(() => standIn.statuses.at(-1) === 304);
  await assert.rejects(subject.verify(ben, NOW_MS), refused('device-removed'));
  assert.equal(standIn.lines.length, 1, 'one line an outage');
});

test('[AUTH-13] a clock that is a minute behind the issuer does no harm; the end of a token is exact', async () => {
  const starting = (seconds: number) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: 'k' })
      .setIssuer('i')
      .setAudience('a')
      .setSubject('ana')
      .setIssuedAt(NOW_MS / 1000 + seconds)
      .setNotBefore(NOW_MS / 1000 + seconds)
      .setExpirationTime(NOW_MS / 1000 + 600)
      .sign(privateKey);
  assert.equal((await verifier().verify(await starting(55), NOW_MS)).sub, 'ana');
  await assert.rejects(verifier().verify(await starting(65), NOW_MS), refused('token-invalid'));
  await assert.rejects(
    verifier().verify(await sign({ expiresInSeconds: 60 }), NOW_MS + 60_000),
    refused('token-expired'),
  );
});
