// Login where several nodes serve one system: they share what is short-lived, and nothing else.
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type AccountId, type Handle, loginProof } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { Logins } from '../../src/io/logins.ts';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { SqliteStore } from '../../src/io/sqliteStore.ts';
import { TokenKeys } from '../../src/io/tokenKeys.ts';
import { TestIdentity } from '../testDevice.ts';
import { tempDir } from '../testServer.ts';

const HOUR_MS = 3600_000;

async function twoNodes(t: TestContext) {
  const dir = await tempDir(t);
  const clock = { nowMs: 1_800_000_000_000 };
  const now = () => clock.nowMs;
  const shortLived = new MemoryShortLived(now);
  const store = new SqliteStore(path.join(dir, 'messaging.db'));
  t.after(() => store.close());
  const identity = new TestIdentity();
  const prekey = { id: 1, publicKey: new Uint8Array(32), signature: new Uint8Array(64) };
  const newDevice = {
    identityKey: identity.publicKey,
    signedPrekey: prekey,
    oneTimePrekeys: [],
    kemPrekeys: [],
    lastResortKemPrekey: prekey,
  };
  const accountId = 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId;
  const { address } = await store.registerDevice('ana' as Handle, accountId, newDevice, clock.nowMs);
  const node = async (name: string) => {
    const options = { shortLived, now, log: silentLog, announceMs: 600_000, signMs: 10 ** 9 };
    const tokenKeys = await TokenKeys.load({ ...options, file: path.join(dir, name) });
    t.after(() => tokenKeys.close());
    return new Logins({ store, shortLived, tokenKeys, now });
  };
  const [a, b] = [await node('a.json'), await node('b.json')];
  const login = (at: Logins, challenge: string) =>
    at.token({ ...address, challenge, signature: identity.sign(loginProof(challenge)) });
  return { a, b, address, clock, login };
}

test('[AUTH-11] a challenge of one node is answered at another, once in all', async (t) => {
  const { a, b, address, login } = await twoNodes(t);
  const { challenge } = await a.challenge(address);
  assert.ok((await login(b, challenge)).accessToken);
  for (const node of [a, b]) await assert.rejects(login(node, challenge), { code: 'token-invalid' });
  const { challenge: other } = await b.challenge(address);
  const results = await Promise.allSettled([login(a, other), login(b, other), login(a, other)]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('[AUTH-6] the key of challenges changes every hour, and a challenge is good over the change', async (t) => {
  const { a, b, address, clock, login } = await twoNodes(t);
  clock.nowMs = Math.ceil(clock.nowMs / HOUR_MS) * HOUR_MS - 1_000;
  const before = await a.challenge(address);
  clock.nowMs += 2_000;
  const after = await b.challenge(address);
  assert.ok((await login(b, before.challenge)).accessToken);
  assert.ok((await login(a, after.challenge)).accessToken);
  // One that says another time of itself is of another key, or none.
  const [nonce, expiry, mac] = after.challenge.split('.') as [string, string, string];
  for (const other of [0, Number(expiry) - HOUR_MS, Number(expiry) + HOUR_MS, 999_999_999_999_999])
    await assert.rejects(login(a, `${nonce}.${other}.${mac}`), { code: 'token-invalid' });
  clock.nowMs += 61_000;
  const late = await a.challenge(address);
  clock.nowMs += 61_000;
  await assert.rejects(login(b, late.challenge), { code: 'token-expired' });
});
