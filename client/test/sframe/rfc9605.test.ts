import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { importAead } from '../../src/sframe/aead.ts';
import { CIPHER_SUITES, type CipherSuite } from '../../src/sframe/cipherSuites.ts';
import { createFrameCipher } from '../../src/sframe/frameKey.ts';
import { decodeHeader, encodeHeader } from '../../src/sframe/header.ts';
import { deriveKeyAndSalt, ratchetKey } from '../../src/sframe/keyDerivation.ts';
import { SFrameReceiver } from '../../src/sframe/receiver.ts';

// kid and ctr are decimal strings: they go up to 2^64 - 1.
interface Vectors {
  header: { kid: string; ctr: string; encoded: string }[];
  aes_ctr_hmac: { cipher_suite: number; key: string; nonce: string; aad: string; pt: string; ct: string }[];
  sframe: {
    cipher_suite: number;
    kid: string;
    ctr: string;
    base_key: string;
    sframe_key: string;
    sframe_salt: string;
    metadata: string;
    nonce: string;
    pt: string;
    ct: string;
  }[];
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/rfc9605.json', import.meta.url), 'utf8')) as Vectors;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const suiteOf = (id: number): CipherSuite => {
  const suite = Object.values(CIPHER_SUITES).find((known) => known.id === id);
  assert.ok(suite);
  return suite;
};

test('[SFRAME-1] the headers of RFC 9605 C.1 encode and decode', () => {
  assert.equal(vectors.header.length, 289);
  for (const vector of vectors.header) {
    const header = { kid: BigInt(vector.kid), ctr: BigInt(vector.ctr) };
    assert.equal(hex(encodeHeader(header)), vector.encoded);
    const decoded = decodeHeader(bytes(`${vector.encoded}ff`));
    assert.deepEqual(decoded, { ...header, headerBytes: vector.encoded.length / 2 });
  }
});

test('[SFRAME-1] AES-CTR with HMAC seals and opens as in RFC 9605 C.2', async () => {
  assert.equal(vectors.aes_ctr_hmac.length, 3);
  for (const vector of vectors.aes_ctr_hmac) {
    const aead = await importAead(suiteOf(vector.cipher_suite), bytes(vector.key));
    const [nonce, aad] = [bytes(vector.nonce), bytes(vector.aad)];
    assert.equal(hex(await aead.encrypt(nonce, aad, bytes(vector.pt))), vector.ct);
    assert.equal(hex(await aead.decrypt(nonce, aad, bytes(vector.ct))), vector.pt);
  }
});

test('[SFRAME-1] all five suites derive, seal and open as in RFC 9605 C.3', async () => {
  assert.deepEqual(
    vectors.sframe.map((vector) => vector.cipher_suite),
    [1, 2, 3, 4, 5],
  );
  for (const vector of vectors.sframe) {
    const suite = suiteOf(vector.cipher_suite);
    const [kid, ctr, baseKey] = [BigInt(vector.kid), BigInt(vector.ctr), bytes(vector.base_key)];
    const { key, salt } = await deriveKeyAndSalt(suite, kid, baseKey);
    assert.equal(hex(key), vector.sframe_key);
    assert.equal(hex(salt), vector.sframe_salt);

    const cipher = await createFrameCipher(suite, kid, baseKey);
    assert.equal(hex(cipher.nonce(ctr)), vector.nonce);
    const header = encodeHeader({ kid, ctr });
    const aad = new Uint8Array([...header, ...bytes(vector.metadata)]);
    const sealed = await cipher.aead.encrypt(cipher.nonce(ctr), aad, bytes(vector.pt));
    assert.equal(hex(header) + hex(sealed), vector.ct);

    const receiver = new SFrameReceiver({ suite });
    await receiver.setKey(kid, baseKey);
    assert.equal(hex(await receiver.decrypt(bytes(vector.ct), bytes(vector.metadata))), vector.pt);
  }
});

test('[SFRAME-4] the ratchet is HKDF with the label of RFC 9605 section 5.1', async () => {
  const baseKey = bytes('000102030405060708090a0b0c0d0e0f');
  for (const suite of Object.values(CIPHER_SUITES)) {
    const expected = hkdfSync(suite.hash, baseKey, new Uint8Array(0), 'SFrame 1.0 Ratchet', suite.hashBytes);
    assert.equal(hex(await ratchetKey(suite, baseKey)), hex(new Uint8Array(expected)));
  }
  // Written out, Extract and Expand of RFC 5869 with SHA-256 (one block).
  const secret = createHmac('sha256', new Uint8Array(32)).update(baseKey).digest();
  const step = createHmac('sha256', secret).update('SFrame 1.0 Ratchet\x01').digest();
  assert.equal(hex(await ratchetKey(CIPHER_SUITES.AES_128_GCM_SHA256_128, baseKey)), hex(step));
});
