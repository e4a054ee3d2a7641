import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type ErrorCode, ProtocolError } from '@carillon/protocol';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { TokenVerifier } from '../src/index.ts';

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
