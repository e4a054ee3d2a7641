import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '@carillon/protocol';
import {
  createIdentity,
  newerDeviceList,
  nobleProvider,
  signDeviceList,
  signGroupChange,
  verifyDeviceList,
  verifyGroupChange,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { addressOf, refused } from './pair.ts';

const { accountId } = addressOf('A');
const [primary, second, third, stranger] = Array.from({ length: 4 }, () => createIdentity(nativeProvider)) as [
  ReturnType<typeof createIdentity>,
  ReturnType<typeof createIdentity>,
  ReturnType<typeof createIdentity>,
  ReturnType<typeof createIdentity>,
];
const keys = [second.publicKey, third.publicKey];

test('[E2EE-21] a device list is signed by its first device for one account, revision and order', () => {
  const list = signDeviceList(nativeProvider, primary, accountId, 2, keys);
  assert.deepEqual(signDeviceList(nobleProvider, primary, accountId, 2, keys), list);
  const [a, b, c] = list.identityKeys as [Uint8Array, Uint8Array, Uint8Array];
  const forged = [
    { ...list, revision: 3 },
    { ...list, identityKeys: [a, c, b] },
    { ...list, identityKeys: [b, a, c] },
    { ...list, identityKeys: [a, b] },
    { ...list, identityKeys: [a, b, c, stranger.publicKey] },
    { ...list, identityKeys: [] },
    { ...list, signature: new Uint8Array(64) },
    { ...list, signature: list.signature.subarray(1) },
    { ...list, signature: nativeProvider.ed25519Sign(second.seed, list.signature) },
  ];
  for (const provider of [nobleProvider, nativeProvider]) {
    verifyDeviceList(provider, accountId, list);
    assert.throws(() => verifyDeviceList(provider, 'B'.repeat(22) as AccountId, list), refused('bad-signature'));
    for (const each of forged) {
      assert.throws(() => verifyDeviceList(provider, accountId, each), refused('bad-signature'));
    }
  }
});

test('[E2EE-21] a list has one to five distinct, valid identities and a revision from 1 on', () => {
  const many = Array.from({ length: 5 }, () => createIdentity(nativeProvider).publicKey);
  signDeviceList(nativeProvider, primary, accountId, 1, []);
  signDeviceList(nativeProvider, primary, accountId, 2 ** 32 - 1, many.slice(1));
  for (const [revision, others] of [
    [0, []],
    [1.5, []],
    [2 ** 32, []],
    [1, many],
    [1, [second.publicKey, second.publicKey]],
    [1, [primary.publicKey]],
    [1, [new Uint8Array(32)]],
    [1, [new Uint8Array(31)]],
  ] as const) {
    assert.throws(() => signDeviceList(nativeProvider, primary, accountId, revision, others), RangeError);
  }
});

test('[E2EE-21] the newest list of the trusted primary is gone by; older, foreign and contradicting ones are not', () => {
  const sign = (revision: number, others: Uint8Array[], by = primary) =>
    signDeviceList(nativeProvider, by, accountId, revision, others);
  const [old, present, newer] = [sign(1, []), sign(2, keys), sign(3, [second.publicKey])];
  const newest = (known: typeof old | undefined, offered: typeof old) =>
    newerDeviceList(nativeProvider, accountId, primary.publicKey, known, offered);
  assert.equal(newest(undefined, old), old);
  assert.equal(newest(present, newer), newer);
  assert.equal(newest(present, old), present);
  assert.equal(newest(present, sign(2, keys)), present);
  assert.throws(() => newest(present, sign(2, [stranger.publicKey])), refused('bad-signature'));
  assert.throws(() => newest(present, sign(9, keys, stranger)), refused('untrusted-identity'));
  assert.throws(() => newest(present, { ...newer, revision: 4 }), refused('bad-signature'));
});

test('[E2EE-22] a group change is signed by who made it', () => {
  const change = new TextEncoder().encode('an encoded change');
  for (const provider of [nobleProvider, nativeProvider]) {
    const signature = signGroupChange(provider, second, change);
    verifyGroupChange(provider, second.publicKey, { change, signature });
    assert.throws(() => verifyGroupChange(provider, third.publicKey, { change, signature }), refused('bad-signature'));
    const other = { change: change.subarray(1), signature };
    assert.throws(() => verifyGroupChange(provider, second.publicKey, other), refused('bad-signature'));
    // A signature of another kind over the same bytes does not stand for it.
    const plain = { change, signature: provider.ed25519Sign(second.seed, change) };
    assert.throws(() => verifyGroupChange(provider, second.publicKey, plain), refused('bad-signature'));
  }
});
