import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createIdentity,
  createKemPrekeys,
  createLastResortKemPrekey,
  nobleProvider,
  verifyKemPrekey,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { isCanonicalX25519Key } from '../../src/e2ee/x25519Strict.ts';
import { refused } from './pair.ts';

test('[E2EE-14] a KEM prekey is vouched for by its identity, with its id', () => {
  for (const provider of [nobleProvider, nativeProvider]) {
    const identity = createIdentity(provider);
    const other = createIdentity(provider);
    const prekeys = [...createKemPrekeys(provider, identity, 7, 2), createLastResortKemPrekey(provider, identity, 9)];
    assert.deepEqual(
      prekeys.map(({ id }) => id),
      [7, 8, 9],
    );
    for (const prekey of prekeys) {
      verifyKemPrekey(provider, identity.publicKey, prekey);
      const forged = [
        { ...prekey, id: prekey.id + 1 },
        { ...prekey, publicKey: prekeys.find((one) => one !== prekey)!.publicKey },
        { ...prekey, publicKey: new Uint8Array(0) },
        { ...prekey, signature: new Uint8Array(64) },
        { ...prekey, signature: new Uint8Array(0) },
      ];
      for (const each of forged)
        assert.throws(() => verifyKemPrekey(provider, identity.publicKey, each), refused('bad-signature'));
      assert.throws(() => verifyKemPrekey(provider, other.publicKey, prekey), refused('bad-signature'));
    }
  }
});

test('[E2EE-15] an X25519 key has one encoding: below p, with the top bit clear', () => {
  const littleEndian = (value: bigint) =>
    Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  const p = 2n ** 255n - 19n;
  for (const value of [0n, 9n, 2n ** 254n, p - 1n, p - 2n ** 200n]) {
    assert.equal(isCanonicalX25519Key(littleEndian(value)), true, `${value}`);
    assert.equal(isCanonicalX25519Key(littleEndian(value + 2n ** 255n)), false, `${value} with the top bit`);
  }
  for (let value = p; value < 2n ** 255n; value++) assert.equal(isCanonicalX25519Key(littleEndian(value)), false);
  for (const length of [0, 31, 33]) assert.equal(isCanonicalX25519Key(new Uint8Array(length)), false);
});
