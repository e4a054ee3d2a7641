import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import { checkChallenge, makeChallenge } from '../../src/core/challenge.ts';

const key = new Uint8Array(32).fill(1);
const address = { accountId: 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId, deviceId: 12 as DeviceId };
const challenge = makeChallenge(key, address, new Uint8Array(16).fill(2), 5_000);

test('[AUTH-6] a challenge is good for its device until it expires', () => {
  assert.deepEqual(checkChallenge(key, address, challenge, 4_999), { ok: true, expiresAtMs: 5_000 });
  assert.deepEqual(checkChallenge(key, address, challenge, 5_000), { ok: false, code: 'token-expired' });
  const other = { ...address, deviceId: 1 as DeviceId };
  assert.deepEqual(checkChallenge(key, other, challenge, 0), { ok: false, code: 'token-invalid' });
  assert.equal(checkChallenge(new Uint8Array(32), address, challenge, 0).ok, false);
});

test('[AUTH-6] no other text passes for a challenge: one form each, any change is noticed', () => {
  for (let at = 0; at < challenge.length; at++) {
    for (const letter of 'AB09_-.') {
      const changed = challenge.slice(0, at) + letter + challenge.slice(at + 1);
      if (changed !== challenge) assert.equal(checkChallenge(key, address, changed, 0).ok, false, changed);
    }
  }
  assert.equal(checkChallenge(key, address, '', 0).ok, false);
  assert.equal(checkChallenge(key, address, `${challenge} `, 0).ok, false);
});
