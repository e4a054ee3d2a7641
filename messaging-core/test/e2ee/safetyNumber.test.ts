import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareSafetyCode, safetyCode, safetyNumber } from '../../src/e2ee/index.ts';

const key = (fill: number) => new Uint8Array(32).fill(fill);
const alice = { accountId: 'A'.repeat(22), identityKeys: [key(1)] };
const bob = { accountId: 'Q'.repeat(22), identityKeys: [key(2), key(3)] };

test('[E2EE-10] both sides see the same sixty digits, today and later', () => {
  const number = safetyNumber(alice, bob);
  assert.equal(number, safetyNumber(bob, alice));
  assert.equal(number, '174118013626329420048422279850870852006931602741485538643661');
});

test('[E2EE-10] another key or account changes it, another order of devices does not', () => {
  const number = safetyNumber(alice, bob);
  assert.equal(safetyNumber(alice, { ...bob, identityKeys: [key(3), key(2)] }), number);
  for (const other of [
    { ...bob, identityKeys: [key(2)] },
    { ...bob, identityKeys: [key(2), key(4)] },
    { ...bob, accountId: 'g'.repeat(22) },
  ]) {
    const changed = safetyNumber(alice, other);
    assert.match(changed, /^\d{60}$/);
    assert.notEqual(changed, number);
  }
});

test('[E2EE-23] a scanned code says whether both sides hold the same keys', () => {
  assert.equal(compareSafetyCode(safetyCode(bob, alice), alice, bob), 'same');
  assert.equal(compareSafetyCode(safetyCode(alice, bob), bob, alice), 'same');
  const impostor = { ...alice, identityKeys: [key(9)] };
  // Bob was given another key for Alice; Alice another for Bob.
  assert.equal(compareSafetyCode(safetyCode(bob, impostor), alice, bob), 'different');
  assert.equal(compareSafetyCode(safetyCode(bob, alice), impostor, bob), 'different');
  assert.equal(compareSafetyCode(safetyCode(bob, alice), alice, { ...bob, identityKeys: [key(9)] }), 'different');
});

test("[E2EE-23] other people's codes, one's own and what is no code prove nothing", () => {
  const carol = { accountId: 'g'.repeat(22), identityKeys: [key(4)] };
  const code = safetyCode(bob, alice);
  for (const scanned of [
    safetyCode(carol, alice),
    safetyCode(bob, carol),
    safetyCode(alice, bob),
    '',
    'https://example.org/',
    `${code}0`,
    code.replace('v=1', 'v=2'),
  ])
    assert.equal(compareSafetyCode(scanned, alice, bob), 'other-people', scanned);
  fc.assert(fc.property(fc.string(), (text) => assert.equal(compareSafetyCode(text, alice, bob), 'other-people')));
  // Base64url that is not canonical.
  assert.equal(compareSafetyCode(code.replace(/.$/, '_'), alice, bob), 'different');
});

test('[E2EE-23] the code is frozen, and fits a QR code', () => {
  const code = safetyCode(alice, bob);
  assert.match(code, /^carillon:safety\?v=1&of=A{22}\.[A-Za-z0-9_-]{43}&with=Q{22}\.[A-Za-z0-9_-]{43}$/);
  assert.equal(code.length, 161);
});
