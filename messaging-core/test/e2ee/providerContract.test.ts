// One contract for every CryptoProvider, with the vectors that the standards publish.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type CryptoProvider, nobleProvider } from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const none = new Uint8Array(0);
const providers: Record<string, CryptoProvider> = { noble: nobleProvider, native: nativeProvider };

// Points of order 1, 2, 4 and 8, canonical; then encodings that are not canonical.
const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];
const NOT_CANONICAL = [
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const LOW_ORDER_X25519 = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

for (const [name, provider] of Object.entries(providers)) {
  describe(`${name} provider`, () => {
    test('[E2EE-1] X25519: RFC 7748 sections 5.2 and 6.1', () => {
      const cases = [
        [
          'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
          'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
          'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
        ],
        [
          '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
          'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
          '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
        ],
      ] as const;
      for (const [scalar, point, output] of cases) {
        assert.equal(hex(provider.x25519(bytes(scalar), bytes(point))), output);
      }
      const alice = provider.x25519KeyPair(bytes('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
      const bob = provider.x25519KeyPair(bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
      assert.equal(hex(alice.publicKey), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
      assert.equal(hex(bob.publicKey), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
      const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
      assert.equal(hex(provider.x25519(alice.privateKey, bob.publicKey)), shared);
      assert.equal(hex(provider.x25519(bob.privateKey, alice.publicKey)), shared);
    });

    test('[E2EE-1] X25519 refuses low-order public keys', () => {
      for (const key of LOW_ORDER_X25519) {
        assert.throws(() => provider.x25519(new Uint8Array(32).fill(3), bytes(key)), key);
      }
      assert.throws(() => provider.x25519(new Uint8Array(32).fill(3), new Uint8Array(31).fill(9)));
      assert.throws(() => provider.x25519(new Uint8Array(31).fill(3), new Uint8Array(32).fill(9)));
    });

    test('[E2EE-1] Ed25519: RFC 8032 section 7.1', () => {
      const cases = [
        [
          '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
          'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
          '',
          'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
        ],
        [
          '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
          '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
          '72',
          '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
        ],
        [
          'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
          'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
          'af82',
          '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
        ],
      ] as const;
      for (const [seed, publicKey, message, signature] of cases) {
        assert.equal(hex(provider.ed25519PublicKey(bytes(seed))), publicKey);
        assert.equal(hex(provider.ed25519Sign(bytes(seed), bytes(message))), signature);
        assert.equal(provider.ed25519Verify(bytes(publicKey), bytes(message), bytes(signature)), true);
        assert.equal(provider.ed25519Verify(bytes(publicKey), bytes(`${message}00`), bytes(signature)), false);
      }
    });

    test('[E2EE-1] Ed25519 refuses small-order and non-canonical keys, and a malleable signature', () => {
      for (const key of [...SMALL_ORDER, ...NOT_CANONICAL]) {
        // R = A, S = 0: lenient verifiers take it for any message under a small-order key.
        for (const r of [key, '0100000000000000000000000000000000000000000000000000000000000000']) {
          const forged = new Uint8Array([...bytes(r), ...new Uint8Array(32)]);
          for (let m = 0; m < 16; m++) {
            assert.equal(provider.ed25519Verify(bytes(key), Uint8Array.of(m), forged), false, key);
          }
        }
        assert.throws(() => provider.identityToX25519Public(bytes(key)), key);
      }
      const seed = new Uint8Array(32).fill(5);
      const signature = provider.ed25519Sign(seed, none);
      const l = 2n ** 252n + 27742317777372353535851937790883648493n;
      let s = BigInt(`0x${hex(signature.slice(32).reverse())}`) + l;
      const malleable = new Uint8Array(signature);
      for (let i = 32; i < 64; i++, s >>= 8n) malleable[i] = Number(s & 0xffn);
      assert.equal(provider.ed25519Verify(provider.ed25519PublicKey(seed), none, signature), true);
      assert.equal(provider.ed25519Verify(provider.ed25519PublicKey(seed), none, malleable), false);
      assert.equal(provider.ed25519Verify(none, none, signature), false);
      assert.equal(provider.ed25519Verify(provider.ed25519PublicKey(seed), none, none), false);
    });

    test('[E2EE-1] the X25519 form of an identity is one key pair', () => {
      for (let n = 0; n < 8; n++) {
        const seed = provider.sha256(Uint8Array.of(n));
        const asX25519 = provider.x25519KeyPair(provider.identityToX25519Private(seed)).publicKey;
        assert.equal(hex(provider.identityToX25519Public(provider.ed25519PublicKey(seed))), hex(asX25519));
      }
    });

    test('[E2EE-1] HKDF: RFC 5869 A.1 and A.3; HMAC: RFC 4231; SHA-256', () => {
      const ikm = new Uint8Array(22).fill(0x0b);
      assert.equal(
        hex(provider.hkdfSha256(ikm, bytes('000102030405060708090a0b0c'), bytes('f0f1f2f3f4f5f6f7f8f9'), 42)),
        '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
      );
      assert.equal(
        hex(provider.hkdfSha256(ikm, none, none, 42)),
        '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
      );
      assert.equal(
        hex(provider.hmacSha256(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))),
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      );
      // RFC 4231 case 6: a key longer than a block.
      assert.equal(
        hex(
          provider.hmacSha256(
            new Uint8Array(131).fill(0xaa),
            Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
          ),
        ),
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      );
      assert.equal(
        hex(provider.sha256(Buffer.from('abc'))),
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      );
    });

    test('[E2EE-1] AES-256-GCM: test cases 13 and 16 of McGrew and Viega', () => {
      const empty = provider.aeadSeal(new Uint8Array(32), new Uint8Array(12), none, none);
      assert.equal(hex(empty), '530f8afbc74536b9a963b4f1c4cb738b');
      assert.equal(provider.aeadOpen(new Uint8Array(32), new Uint8Array(12), empty, none).length, 0);

      const key = bytes('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
      const nonce = bytes('cafebabefacedbaddecaf888');
      const aad = bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2');
      const plaintext =
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
      const sealed =
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b';
      assert.equal(hex(provider.aeadSeal(key, nonce, bytes(plaintext), aad)), sealed);
      assert.equal(hex(provider.aeadOpen(key, nonce, bytes(sealed), aad)), plaintext);
      assert.throws(() => provider.aeadOpen(key, nonce, bytes(sealed), none));
      assert.throws(() => provider.aeadOpen(key, nonce, bytes(sealed).subarray(0, 15), aad));
    });

    test('[E2EE-14] ML-KEM-1024: the sizes of FIPS 203, a secret shared, and another for what was not made for the key', () => {
      const { publicKey, privateKey } = provider.kemKeyPair(provider.randomBytes(64));
      assert.deepEqual([publicKey.length, privateKey.length], [1_568, 64]);
      const { ciphertext, sharedSecret } = provider.kemEncapsulate(publicKey);
      assert.deepEqual([ciphertext.length, sharedSecret.length], [1_568, 32]);
      assert.deepEqual(provider.kemDecapsulate(privateKey, ciphertext), sharedSecret);
      const changed = new Uint8Array(ciphertext);
      changed[700]! ^= 1;
      assert.notDeepEqual(provider.kemDecapsulate(privateKey, changed), sharedSecret);
      const other = provider.kemKeyPair(provider.randomBytes(64));
      assert.notDeepEqual(provider.kemDecapsulate(other.privateKey, ciphertext), sharedSecret);
    });

    test('[E2EE-14] ML-KEM-1024 refuses malformed keys and ciphertexts (FIPS 203 section 7)', () => {
      const { publicKey, privateKey } = provider.kemKeyPair(new Uint8Array(64).fill(3));
      const { ciphertext } = provider.kemEncapsulate(publicKey);
      const notReduced = new Uint8Array(publicKey);
      notReduced.set([0xff, 0xff, 0xff]);
      for (const bad of [none, publicKey.subarray(1), notReduced]) assert.throws(() => provider.kemEncapsulate(bad));
      for (const bad of [none, ciphertext.subarray(1), new Uint8Array(1_569)])
        assert.throws(() => provider.kemDecapsulate(privateKey, bad));
      assert.throws(() => provider.kemKeyPair(new Uint8Array(63)));
      assert.throws(() => provider.kemDecapsulate(new Uint8Array(63), ciphertext));
    });

    test('random bytes are of the length asked for, and not repeated', () => {
      assert.equal(provider.randomBytes(200_000).length, 200_000);
      assert.notDeepEqual(provider.randomBytes(32), provider.randomBytes(32));
    });

    test('results do not share memory with what was given', () => {
      const privateKey = new Uint8Array(32).fill(7);
      const pair = provider.x25519KeyPair(privateKey);
      privateKey.fill(0);
      assert.equal(pair.privateKey[0], 7);
      assert.equal(pair.publicKey.byteOffset, 0);
    });
  });
}

test('[E2EE-1] both providers agree on whatever they are given', () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const data = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(seed, seed, data, data, fc.integer({ min: 1, max: 200 }), (a, b, x, y, length) => {
      const answers = [nobleProvider, nativeProvider].map((provider) => {
        const identity = provider.ed25519PublicKey(a);
        const signature = provider.ed25519Sign(a, x);
        const nonce = b.subarray(0, 12);
        const sealed = provider.aeadSeal(a, nonce, x, y);
        assert.deepEqual(provider.aeadOpen(a, nonce, sealed, y), new Uint8Array(x));
        return [
          provider.x25519(a, provider.x25519KeyPair(b).publicKey),
          identity,
          signature,
          provider.ed25519Verify(identity, x, signature) ? Uint8Array.of(1) : none,
          provider.ed25519Verify(b, x, signature) ? Uint8Array.of(1) : none,
          provider.identityToX25519Public(identity),
          provider.identityToX25519Private(a),
          provider.hkdfSha256(x, y, a, length),
          provider.hmacSha256(x, y),
          provider.sha256(x),
          sealed,
        ].map(hex);
      });
      assert.deepEqual(answers[0], answers[1]);
    }),
    { numRuns: 40 },
  );
});

test('[E2EE-14] both providers have the same ML-KEM-1024: what one encapsulates the other opens', () => {
  const seed = fc.uint8Array({ minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(seed, fc.nat({ max: 1_567 }), fc.integer({ min: 1, max: 255 }), (random, at, flip) => {
      const keys = nobleProvider.kemKeyPair(random);
      assert.deepEqual(nativeProvider.kemKeyPair(random), keys);
      for (const [sender, receiver] of [
        [nobleProvider, nativeProvider],
        [nativeProvider, nobleProvider],
      ] as const) {
        const { ciphertext, sharedSecret } = sender.kemEncapsulate(keys.publicKey);
        assert.deepEqual(receiver.kemDecapsulate(keys.privateKey, ciphertext), sharedSecret);
        // Implicit rejection gives the same secret, too.
        ciphertext[at]! ^= flip;
        const rejected = receiver.kemDecapsulate(keys.privateKey, ciphertext);
        assert.deepEqual(sender.kemDecapsulate(keys.privateKey, ciphertext), rejected);
        assert.notDeepEqual(rejected, sharedSecret);
      }
    }),
    { numRuns: 25 },
  );
});
