// Wycheproof's cases of the primitives we use, edge cases that broke others among them.
import assert from 'node:assert/strict';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { agree } from '../../src/e2ee/x25519Strict.ts';
import { accepts, bytes, expandedDecapsulation, providers, vectors } from './publishedVectors.ts';

interface Case {
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly flags: readonly string[];
}

interface X25519Case extends Case {
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

for (const [name, provider] of Object.entries(providers)) {
  vectors<unknown, X25519Case>(`[E2EE-27] Wycheproof, ${name}: X25519`, 'x25519_test.json', (test) => {
    const [privateKey, publicKey] = [bytes(test.private), bytes(test.public)];
    // An all-zero secret is what RFC 7748 section 6.1 lets us refuse; we do.
    if (test.flags.includes('ZeroSharedSecret')) {
      assert.throws(() => provider.x25519(privateKey, publicKey));
      assert.throws(() => agree(provider, privateKey, publicKey));
      return;
    }
    assert.deepEqual(provider.x25519(privateKey, publicKey), bytes(test.shared));
    const isCanonical = !test.flags.includes('NonCanonicalPublic') && publicKey[31]! < 0x80;
    assert.equal(
      accepts(() => agree(provider, privateKey, publicKey)),
      isCanonical,
    );
  });

  vectors<{ readonly publicKey: { readonly pk: string } }, Case & { readonly msg: string; readonly sig: string }>(
    `[E2EE-27] Wycheproof, ${name}: Ed25519`,
    'ed25519_test.json',
    ({ msg, sig, result }, { publicKey: { pk } }) => {
      assert.equal(provider.ed25519Verify(bytes(pk), bytes(msg), bytes(sig)), result === 'valid');
    },
  );

  vectors<unknown, Case & Record<'ikm' | 'salt' | 'info' | 'okm', string> & { readonly size: number }>(
    `[E2EE-27] Wycheproof, ${name}: HKDF-SHA-256`,
    'hkdf_sha256_test.json',
    ({ ikm, salt, info, size, okm, result }) => {
      const derive = () => provider.hkdfSha256(bytes(ikm), bytes(salt), bytes(info), size);
      if (result === 'valid') assert.deepEqual(derive(), bytes(okm));
      else assert.throws(derive);
    },
  );

  vectors<{ readonly tagSize: number }, Case & Record<'key' | 'msg' | 'tag', string>>(
    `[E2EE-27] Wycheproof, ${name}: HMAC-SHA-256`,
    'hmac_sha256_test.json',
    ({ key, msg, tag, result }, { tagSize }) => {
      const mac = provider.hmacSha256(bytes(key), bytes(msg)).subarray(0, tagSize / 8);
      assert.equal(Buffer.compare(mac, bytes(tag)) === 0, result === 'valid');
    },
  );

  vectors<
    { readonly keySize: number; readonly ivSize: number; readonly tagSize: number },
    Case & Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>
  >(`[E2EE-27] Wycheproof, ${name}: AES-256-GCM`, 'aes_gcm_test.json', (test, { keySize, ivSize, tagSize }) => {
    // Keys of 256 bits, nonces of 96 and tags of 128 are the only ones here.
    if (keySize !== 256 || ivSize !== 96 || tagSize !== 128) return false;
    const [key, nonce, aad, plaintext] = [bytes(test.key), bytes(test.iv), bytes(test.aad), bytes(test.msg)];
    const sealed = bytes(test.ct + test.tag);
    if (test.result === 'valid') {
      assert.deepEqual(provider.aeadSeal(key, nonce, plaintext, aad), sealed);
      assert.deepEqual(provider.aeadOpen(key, nonce, sealed, aad), plaintext);
    } else {
      assert.throws(() => provider.aeadOpen(key, nonce, sealed, aad));
    }
    return true;
  });

  vectors<unknown, Case & Record<'seed' | 'ek', string>>(
    `[E2EE-27] Wycheproof, ${name}: ML-KEM-1024 keys from seeds`,
    'mlkem_1024_keygen_seed_test.json',
    ({ seed, ek }) => assert.deepEqual(provider.kemKeyPair(bytes(seed)).publicKey, bytes(ek)),
  );

  vectors<unknown, Case & Record<'seed' | 'c' | 'K', string>>(
    `[E2EE-27] Wycheproof, ${name}: ML-KEM-1024 decapsulation`,
    'mlkem_1024_test.json',
    ({ seed, c, K, result }) => {
      const open = () => provider.kemDecapsulate(bytes(seed), bytes(c));
      if (result === 'valid') assert.deepEqual(open(), bytes(K));
      else assert.throws(open);
    },
  );

  vectors<unknown, Case & Record<'ek' | 'm' | 'c' | 'K', string>>(
    `[E2EE-27] Wycheproof, ${name}: ML-KEM-1024 encapsulation takes what is a key, and nothing else`,
    'mlkem_1024_encaps_test.json',
    ({ ek, m, c, K, result }) => {
      // Some are invalid by their m, which a provider draws itself.
      const isKeyAtFault = result === 'invalid' && m.length === 64;
      assert.equal(
        accepts(() => provider.kemEncapsulate(bytes(ek))),
        !isKeyAtFault,
      );
      // Only the library under one of them can be given m.
      if (result === 'valid' && name === 'noble') {
        const { cipherText, sharedSecret } = ml_kem1024.encapsulate(bytes(ek), bytes(m));
        assert.deepEqual([cipherText, sharedSecret], [bytes(c), bytes(K)]);
      }
    },
  );
}

for (const [name, decapsulate] of Object.entries(expandedDecapsulation)) {
  vectors<unknown, Case & Record<'dk' | 'c' | 'K', string>>(
    `[E2EE-27] Wycheproof, the library under ${name}: ML-KEM-1024 decapsulation by expanded keys`,
    'mlkem_1024_semi_expanded_decaps_test.json',
    ({ dk, c, K, result }) => {
      if (result === 'valid') assert.deepEqual(decapsulate(bytes(dk), bytes(c)), bytes(K));
      else assert.throws(() => decapsulate(bytes(dk), bytes(c)));
    },
  );
}
