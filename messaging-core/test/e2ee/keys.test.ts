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
