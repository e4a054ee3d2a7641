import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { isMlKem1024Key, isStrictEd25519Key, isStrictX25519Key, verifyEd25519 } from '../../src/core/publicKeys.ts';

const PRIME = 2n ** 255n - 19n;
const littleEndian = (n: bigint) => new Uint8Array(Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse());

test('[AUTH-5] Ed25519 keys of small order, of mixed order and not canonical are refused', () => {
  const torsion = ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`];
  const order8 = 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a';
  for (const hex of [...torsion, order8]) assert.equal(isStrictEd25519Key(Buffer.from(hex, 'hex')), false, hex);
  const honest = ed25519.Point.fromBytes(ed25519.getPublicKey(new Uint8Array(32).fill(7)), false);
  assert.equal(isStrictEd25519Key(honest.toBytes()), true);
  const mixed = honest.add(ed25519.Point.fromBytes(Buffer.from(order8, 'hex'), true));
  assert.equal(isStrictEd25519Key(mixed.toBytes()), false);
  // y = p + 3 reads as y = 3 where encodings are not checked.
  assert.equal(isStrictEd25519Key(littleEndian(PRIME + 3n)), false);
  assert.equal(isStrictEd25519Key(new Uint8Array(31)), false);
});

test('X25519 keys that give zero, or are not canonical, are refused', () => {
  const secret = new Uint8Array(32).fill(5);
  const lowOrder = [
    0n,
    1n,
    PRIME - 1n,
    BigInt(
      `0x${Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex').reverse().toString('hex')}`,
    ),
    BigInt(
      `0x${Buffer.from('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'hex').reverse().toString('hex')}`,
    ),
  ];
  for (const u of lowOrder) {
    assert.equal(isStrictX25519Key(littleEndian(u)), false);
    assert.throws(() => x25519.getSharedSecret(secret, littleEndian(u)));
  }
  assert.equal(isStrictX25519Key(littleEndian(PRIME)), false);
  assert.equal(isStrictX25519Key(littleEndian(2n ** 255n + 9n)), false);
  assert.equal(isStrictX25519Key(littleEndian(9n)), true);
});

test('every honest key passes, and signatures verify for their message only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (message) => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
      const signature = sign(null, message, privateKey);
      assert.ok(isStrictEd25519Key(raw));
      assert.ok(verifyEd25519(raw, message, signature));
      assert.equal(verifyEd25519(raw, new Uint8Array([...message, 0]), signature), false);
      assert.equal(verifyEd25519(raw, message, signature.subarray(1)), false);
      const agreement = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x!;
      assert.ok(isStrictX25519Key(Buffer.from(agreement, 'base64url')));
    }),
    { numRuns: 20 },
  );
});

test('[AUTH-7] ML-KEM-1024 keys of a wrong length or with a coefficient past the modulus are refused', () => {
  const { publicKey } = ml_kem1024.keygen();
  assert.equal(isMlKem1024Key(publicKey), true);
  assert.equal(isMlKem1024Key(publicKey.subarray(1)), false);
  assert.equal(isMlKem1024Key(new Uint8Array([...publicKey, 0])), false);
  // FIPS 203 §7.2: the first coefficient is 3329, and so is the second.
  for (const [at, bytes] of [
    [0, [0x01, 0x0d]],
    [1533, [0x00, 0x10, 0xd0]],
  ] as const) {
    const bad = new Uint8Array(publicKey);
    bad.set(bytes, at);
    assert.equal(isMlKem1024Key(bad), false, String(at));
    assert.throws(() => ml_kem1024.encapsulate(bad));
  }
  const largest = new Uint8Array(publicKey);
  largest.set([0x00, 0x0d, 0xd0], 0);
  assert.equal(isMlKem1024Key(largest), true, '3328 twice');
});
