import assert from 'node:assert/strict';
import { test } from 'node:test';
import { safetyNumber } from '../../src/e2ee/index.ts';

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
