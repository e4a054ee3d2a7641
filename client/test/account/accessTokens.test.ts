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

test('[AUTH-16] a token is fetched anew near its end, and when the clock was set back; over an open connection without a proof', async () => {
  const store = new SqliteStore(':memory:');
  let nowMs = 1_700_000_000_000;
  let fetched = 0;
  const claims = Buffer.from(JSON.stringify({ iat: 0, exp: 600 })).toString('base64url');
  const fetch = async (url: string | URL | Request) => {
    if (String(url).endsWith('challenges')) return Response.json({ challenge: 'c', expiresAtMs: 1 });
    return Response.json({ accessToken: `h.${claims}.${++fetched}`, expiresAtMs: 1 });
  };
  const platform = { ...nodePlatform(store), now: () => nowMs, fetch };
  const identity = { seed: new Uint8Array(32).fill(1), publicKey: new Uint8Array(32) };
  const account = {
    accountId: 'A'.repeat(22) as AccountId,
    deviceId: 1 as DeviceId,
    handle: 'ann' as Handle,
    name: '',
  };
  await store.transaction(async (tx) => {
    await writeProfile(tx, account);
    await writeKeys(tx, createFirstPrekeys(nativeProvider, identity, nowMs).keys);
  });
  const tokens = new AccessTokens(platform, new HttpJson(platform, 'http://127.0.0.1'));
  await tokens.get();
  nowMs += 500_000;
  assert.match(await tokens.get(), /\.1$/);
  nowMs += 50_000;
  assert.match(await tokens.get(), /\.2$/);
  nowMs -= 2 * 3_600_000;
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
