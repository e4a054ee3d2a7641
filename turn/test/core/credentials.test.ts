import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialExpiryMs, isFreshNonce, makeNonce } from '../../src/core/credentials.ts';

const key = Buffer.from('nonce key');

test('[TURN-3] a nonce is good for its client, for an hour, and only if it was issued', () => {
  const nonce = makeNonce(key, '1.2.3.4:5', 1_000_000);
  assert.ok(isFreshNonce(key, '1.2.3.4:5', nonce, 1_000_000 + 3_599_000));
  assert.ok(!isFreshNonce(key, '1.2.3.4:5', nonce, 1_000_000 + 3_700_000));
  // The minute in it has come round again.
  assert.ok(!isFreshNonce(key, '1.2.3.4:5', nonce, 1_000_000 + 4096 * 60_000));
  assert.ok(!isFreshNonce(key, '1.2.3.4:6', nonce, 1_000_000));
  assert.ok(!isFreshNonce(Buffer.from('other'), '1.2.3.4:5', nonce, 1_000_000));
  for (const forged of [
    'constructor',
    '__proto__',
    '',
    '-',
    'x-',
    `${nonce}-`,
    `${nonce}0`,
    'é'.repeat(16),
    `AA${'é'.repeat(6)}`,
    `${nonce.slice(0, 7)} `,
  ]) {
    assert.ok(!isFreshNonce(key, '1.2.3.4:5', forged, 1_000_000), forged);
  }
});

test('[TURN-2] only expiry:name is a user name', () => {
  assert.equal(credentialExpiryMs('1700000000:ana'), 1_700_000_000_000);
  for (const name of ['constructor', '__proto__', 'ana', '1700000000', '1700000000:', ':ana', '-5:ana', '1e9:ana']) {
    assert.equal(credentialExpiryMs(name), undefined, name);
  }
});
