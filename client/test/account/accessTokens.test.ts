import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { type AccountId, type DeviceId, type Handle, ProtocolError } from '@carillon/protocol';
import { AccessTokens } from '../../src/account/accessTokens.ts';
import { createFirstPrekeys } from '../../src/account/prekeys.ts';
import { writeKeys, writeProfile } from '../../src/account/profile.ts';
import { HttpJson } from '../../src/connection/httpJson.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

/** A device whose tokens live for so long. */
async function signedIn(lifeSeconds: number) {
  const clock = { nowMs: 1_700_000_000_000 };
  const store = new SqliteStore(':memory:');
  let fetched = 0;
  const claims = Buffer.from(JSON.stringify({ iat: 0, exp: lifeSeconds })).toString('base64url');
  const fetch = async (url: string | URL | Request) => {
    if (String(url).endsWith('challenges')) return Response.json({ challenge: 'c', expiresAtMs: 1 });
    return Response.json({ accessToken: `h.${claims}.${++fetched}`, expiresAtMs: 1 });
  };
  const platform = { ...nodePlatform(store), now: () => clock.nowMs, fetch };
  const identity = { seed: new Uint8Array(32).fill(1), publicKey: new Uint8Array(32) };
  const account = {
    accountId: 'A'.repeat(22) as AccountId,
    deviceId: 1 as DeviceId,
    handle: 'ann' as Handle,
    name: '',
  };
  await store.transaction(async (tx) => {
    await writeProfile(tx, account);
    await writeKeys(tx, createFirstPrekeys(nativeProvider, identity, clock.nowMs).keys);
  });
  return { tokens: new AccessTokens(platform, new HttpJson(platform, 'http://127.0.0.1')), store, clock, claims };
}

test('[AUTH-16] a token is not kept longer because the clock was set back while it aged', async () => {
  const { tokens, store } = await signedIn(0.2);
  assert.match(await tokens.get(), /\.1$/);
  // By the wall clock no time passes.
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.match(await tokens.get(), /\.2$/);
  await store.close();
});

test('a token that a service does not take is replaced once', async () => {
  const { tokens, store } = await signedIn(600);
  const shown: string[] = [];
  const refusing = (times: number) => async (token: string) => {
    shown.push(token.slice(-2));
    if (shown.length <= times) throw new ProtocolError('token-invalid');
    return 'taken';
  };
  assert.equal(await tokens.use(refusing(1)), 'taken');
  assert.deepEqual(shown, ['.1', '.2']);
  await assert.rejects(tokens.use(refusing(9)), { code: 'token-invalid' });
  assert.deepEqual(shown, ['.1', '.2', '.2', '.3']);
  await assert.rejects(
    tokens.use(() => Promise.reject(new ProtocolError('blob-expired'))),
    { code: 'blob-expired' },
  );
  assert.match(await tokens.get(), /\.3$/);
  await store.close();
});

test('[AUTH-16] a token is fetched anew near its end, and when the clock was set back; over an open connection without a proof', async () => {
  const { tokens, store, clock, claims } = await signedIn(600);
  await tokens.get();
  clock.nowMs += 500_000;
  assert.match(await tokens.get(), /\.1$/);
  clock.nowMs += 50_000;
  assert.match(await tokens.get(), /\.2$/);
  clock.nowMs -= 2 * 3_600_000;
  assert.match(await tokens.get(), /\.3$/);

  // Over a connection that is open there is no new proof; when it ends at that moment, there is.
  let isOpen = true;
  tokens.useShortcut(() =>
    isOpen
      ? Promise.resolve({ accessToken: `h.${claims}.socket`, expiresAtMs: 1n })
      : Promise.reject(new ProtocolError('unreachable')),
  );
  tokens.forget();
  assert.match(await tokens.get(), /socket$/);
  isOpen = false;
  tokens.forget();
  assert.match(await tokens.get(), /\.4$/);
  tokens.useShortcut(() => undefined);
  tokens.forget();
  assert.match(await tokens.get(), /\.5$/);
  await store.close();
});
