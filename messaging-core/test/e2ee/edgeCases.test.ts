// Edge cases of the primitives, each made here from its mathematical definition:
// points of small and of mixed order, encodings that are not canonical, scalars and
// coefficients beyond their modulus. What matters beyond refusing them is that both
// providers decide alike, or a browser would take what a Node device refuses.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { concatBytes } from '@carillon/protocol';
import { ed25519 } from '@noble/curves/ed25519.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { isStrictEd25519Key } from '../../src/e2ee/ed25519Strict.ts';
import { agree, isCanonicalX25519Key } from '../../src/e2ee/x25519Strict.ts';
import { accepts, providers } from './publishedVectors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const P = 2n ** 255n - 19n;
const L = ed25519.Point.Fn.ORDER;
const { Point } = ed25519;

function encode(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
function decode(digits: Uint8Array): bigint {
  return digits.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
const withTopBit = (key: Bytes) => key.with(31, key[31]! | 0x80) as Bytes;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [b, e] = [base % P, exponent]; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

/** One of order 8: any point times L; the others are its multiples. */
function torsionGenerator() {
  for (let y = 2n; ; y++) {
    try {
      const point = Point.fromBytes(encode(y));
      // In two steps: the order itself is no scalar.
      const torsion = point.multiplyUnsafe(L - 1n).add(point);
      if (!torsion.double().double().is0()) return torsion;
    } catch {
      // Half of all y belong to no point.
    }
  }
}
const TORSION = Array.from({ length: 7 }, (_, i) => torsionGenerator().multiplyUnsafe(BigInt(i + 1)));

/** u of the points of order 1 to 8 on curve25519 and its twist, by u = (1 + y) / (1 - y), and -1 by v^2 = u^3 + A u^2 + u. */
const LOW_ORDER_U = new Set([
  ...TORSION.map((point) => {
    const { y } = point.toAffine();
    return y === 1n ? 0n : ((1n + y) * power(1n - y + P, P - 2n)) % P;
  }),
  0n,
  P - 1n,
]);

describe('X25519', () => {
  test('[E2EE-28] every key of low order is refused, however it is encoded', () => {
    assert.equal(LOW_ORDER_U.size, 5, 'orders 1 and 2, order 4 on curve and twist, and two of order 8');
    const encodings = [...LOW_ORDER_U].flatMap((u) => [u, u + P].filter((value) => value < 2n ** 255n).map(encode));
    for (const key of encodings.flatMap((canonical) => [canonical, withTopBit(canonical)])) {
      for (const [name, provider] of Object.entries(providers)) {
        assert.throws(() => provider.x25519(new Uint8Array(32).fill(7), key), `${name} ${decode(key)}`);
        assert.throws(() => agree(provider, new Uint8Array(32).fill(7), key), `${name} ${decode(key)}`);
      }
    }
  });

  test('[E2EE-28] the nineteen keys that have a second encoding, and the ignored bit, are taken in one form only', () => {
    for (let u = 0n; u < 19n; u++) {
      assert.ok(isCanonicalX25519Key(encode(u)));
      assert.ok(!isCanonicalX25519Key(encode(u + P)));
      assert.ok(!isCanonicalX25519Key(withTopBit(encode(u))));
      if (LOW_ORDER_U.has(u)) continue;
      // RFC 7748 section 5 reduces them: the primitive has to, and the agreement refuses them before.
      for (const provider of Object.values(providers)) {
        const expected = provider.x25519(new Uint8Array(32).fill(7), encode(u));
        for (const other of [encode(u + P), withTopBit(encode(u))]) {
          assert.deepEqual(provider.x25519(new Uint8Array(32).fill(7), other), expected);
          assert.throws(() => agree(provider, new Uint8Array(32).fill(7), other));
        }
      }
    }
    assert.ok(isCanonicalX25519Key(encode(P - 1n)));
  });
});

/** A signature as whoever knows the scalars can make it, with any point added to key and commitment. */
function signWith(message: Bytes, keyTorsion = Point.ZERO, commitmentTorsion = Point.ZERO, r = 4321n) {
  const scalar = 1234n;
  const key = new Uint8Array(Point.BASE.multiply(scalar).add(keyTorsion).toBytes());
  const base = r === 0n ? Point.ZERO : Point.BASE.multiply(r);
  const commitment = new Uint8Array(base.add(commitmentTorsion).toBytes());
  const k =
    decode(
      createHash('sha512')
        .update(concatBytes(commitment, key, message))
        .digest(),
    ) % L;
  const s = (r + k * scalar) % L;
  return { key, k, signature: concatBytes(commitment, encode(s)), commitment, s };
}

function verdicts(key: Bytes, message: Bytes, signature: Bytes): boolean[] {
  return Object.values(providers).map((provider) => provider.ed25519Verify(key, message, signature));
}
const [TAKEN, REFUSED] = [true, false].map((verdict) => Object.keys(providers).map(() => verdict)) as [
  boolean[],
  boolean[],
];
const messages = Array.from({ length: 24 }, (_, i) => Uint8Array.of(i));

describe('Ed25519', () => {
  test('[E2EE-28] a signature has one S: every other that is congruent modulo L is refused', () => {
    const message = Uint8Array.of(1);
    const { key, signature, commitment, s } = signWith(message);
    assert.deepEqual(verdicts(key, message, signature), TAKEN);
    for (let other = s + L; other < 2n ** 256n; other += L) {
      assert.deepEqual(verdicts(key, message, concatBytes(commitment, encode(other))), REFUSED);
    }
  });

  test('[E2EE-28] under a key of mixed order both providers ask for the equation without the cofactor', () => {
    let taken = 0;
    for (const torsion of TORSION) {
      for (const message of messages) {
        const { key, k, signature } = signWith(message, torsion);
        // [S]B - [k]A = R - [k]T, which is R where k is a multiple of T's order.
        const vanishes = k % 8n === 0n || torsion.multiplyUnsafe(k % 8n).is0();
        assert.deepEqual(verdicts(key, message, signature), vanishes ? TAKEN : REFUSED);
        taken += Number(vanishes);
      }
    }
    assert.ok(taken > 0 && taken < TORSION.length * messages.length);
  });

  test('[E2EE-28] a commitment of mixed or small order is refused, canonical or not', () => {
    for (const message of messages.slice(0, 4)) {
      for (const torsion of TORSION) {
        const mixed = signWith(message, Point.ZERO, torsion);
        assert.deepEqual(verdicts(mixed.key, message, mixed.signature), REFUSED);
        const small = signWith(message, Point.ZERO, torsion, 0n);
        assert.deepEqual(verdicts(small.key, message, small.signature), REFUSED);
      }
      // R = 0: the equation holds without any cofactor, S being k times the key's scalar.
      const zero = signWith(message, Point.ZERO, Point.ZERO, 0n);
      assert.deepEqual(verdicts(zero.key, message, zero.signature), REFUSED);
    }
  });

  test('[E2EE-28] the strict form knows every point of small order and every encoding with y from p on', () => {
    for (const point of [Point.ZERO, ...TORSION]) {
      const key = new Uint8Array(point.toBytes());
      for (const encoding of [key, withTopBit(key)]) assert.ok(!isStrictEd25519Key(encoding));
    }
    for (let y = P; y < 2n ** 255n; y++) {
      for (const encoding of [encode(y), withTopBit(encode(y))]) assert.ok(!isStrictEd25519Key(encoding));
    }
    assert.ok(isStrictEd25519Key(new Uint8Array(Point.BASE.toBytes())));
  });
});

const Q = 3_329;
const COEFFICIENTS = 4 * 256;

/** ByteEncode_12 (FIPS 203, algorithm 5) of one coefficient of a key, in place. */
function withCoefficient(key: Bytes, index: number, value: number): Bytes {
  const changed = new Uint8Array(key);
  const at = (index >> 1) * 3;
  if (index % 2 === 0) {
    changed[at] = value & 0xff;
    changed[at + 1] = (changed[at + 1]! & 0xf0) | (value >> 8);
  } else {
    changed[at + 1] = (changed[at + 1]! & 0x0f) | ((value & 0x0f) << 4);
    changed[at + 2] = value >> 4;
  }
  return changed;
}

for (const [name, provider] of Object.entries(providers)) {
  describe(`ML-KEM-1024, ${name}`, () => {
    const seed = new Uint8Array(64).map((_, i) => i);
    const { publicKey } = provider.kemKeyPair(seed);

    test('[E2EE-28] the modulus check: a coefficient of q or more, anywhere in the key, is refused', () => {
      for (let index = 0; index < COEFFICIENTS; index += 31) {
        for (const value of [Q, Q + 1, 4_095]) {
          const key = withCoefficient(publicKey, index, value);
          assert.ok(!accepts(() => provider.kemEncapsulate(key)), `coefficient ${index} of ${value}`);
        }
        assert.ok(accepts(() => provider.kemEncapsulate(withCoefficient(publicKey, index, Q - 1))));
      }
    });

    test('[E2EE-28] implicit rejection: what was not made for the key opens to J(z || c)', () => {
      for (const fill of [0x00, 0x55, 0xff]) {
        const ciphertext = new Uint8Array(1_568).fill(fill);
        // FIPS 203, algorithm 18, line 7; J is SHAKE256 to 32 bytes (section 4.1).
        const expected = shake256(concatBytes(seed.subarray(32), ciphertext), { dkLen: 32 });
        assert.deepEqual(provider.kemDecapsulate(seed, ciphertext), expected);
      }
    });
  });
}
