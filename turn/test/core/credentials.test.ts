import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialExpiryMs, credentialUser, isFreshNonce, makeNonce } from '../../src/core/credentials.ts';

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

test('[TURN-2] a user name begins with its expiry, what follows may be any name', () => {
  for (const name of ['1700000000:ana', '1700000000', '1700000000:José マトリックス', `1700000000:${'a'.repeat(300)}`])
    assert.equal(credentialExpiryMs(name), 1_700_000_000_000, name);
  const wrong = [
    'constructor',
    '__proto__',
    'ana',
    '',
    ':',
    '1700000000:',
    ':ana',
    '-5:ana',
    '1e9:ana',
    '17:a\nb',
    '17:\0',
  ];
  for (const name of [...wrong, '1700000000:\ufffd', '1700000000000000:ana', `17:${'é'.repeat(260)}`])
    assert.equal(credentialExpiryMs(name), undefined, name);
});

test('[TURN-2] what is counted by user is the name, or the whole of a bare expiry', () => {
  assert.equal(credentialUser('1700000000:ana:2'), 'ana:2');
  assert.equal(credentialUser('1700000000'), '1700000000');
});
