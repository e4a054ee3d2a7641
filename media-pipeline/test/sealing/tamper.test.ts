import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BlobTamperedError,
  openBlob,
  openChunks,
  openRange,
  type SealedBlob,
  sealBlob,
} from '../../src/sealing/index.ts';
import { content, gather } from './content.ts';

const CHUNK = 65_536;
const SEALED_CHUNK = CHUNK + 16;
const plaintext = content(4 * CHUNK);
const sealed = await sealBlob(plaintext);
const pieces = [0, 1, 2, 3].map((n) => sealed.blob.subarray(n * SEALED_CHUNK, (n + 1) * SEALED_CHUNK));

async function refuses(blob: Uint8Array, secret: Pick<SealedBlob, 'key' | 'sizeBytes' | 'chunkBytes'> = sealed) {
  await assert.rejects(openBlob(blob, secret), BlobTamperedError);
  await assert.rejects(gather(openChunks([blob], secret)), BlobTamperedError);
}

test('[BLOB-13] any changed bit is refused, wherever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: sealed.blobBytes * 8 - 1 }), async (bit) => {
      const blob = new Uint8Array(sealed.blob);
      blob[bit >> 3]! ^= 1 << (bit & 7);
      await refuses(blob);
      const at = Math.min(Math.floor((bit >> 3) / SEALED_CHUNK) * CHUNK, plaintext.length - 1);
      const fetchRange = async (from: number, to: number) => blob.subarray(from, to);
      await assert.rejects(openRange(fetchRange, sealed, at, at + 1), BlobTamperedError);
    }),
    { numRuns: 25 },
  );
  const small = await sealBlob(content(10));
  for (let bit = 0; bit < small.blobBytes * 8; bit += 131) {
    const blob = new Uint8Array(small.blob);
    blob[bit >> 3]! ^= 1 << (bit & 7);
    await refuses(blob, small);
  }
});

test('[BLOB-13] chunks that are cut off, swapped, repeated or added are refused', async () => {
  const order = (...numbers: number[]) => new Uint8Array(Buffer.concat(numbers.map((n) => pieces[n]!)));
  assert.deepEqual(await openBlob(order(0, 1, 2, 3), sealed), plaintext);
  for (const blob of [
    order(0, 1, 2),
    order(0, 2, 1, 3),
    order(0, 1, 3, 2),
    order(0, 0, 1, 3),
    order(0, 1, 2, 2),
    order(3, 3, 3, 3),
    order(0, 1, 2, 3, 3),
    order(),
    sealed.blob.subarray(0, sealed.blobBytes - 1),
    sealed.blob.subarray(1),
    new Uint8Array(Buffer.concat([sealed.blob, new Uint8Array(1)])),
  ]) {
    await refuses(blob);
  }
});

test('[BLOB-13] a blob cut at a chunk border is refused even with the length that fits it', async () => {
  // The last chunk of the shorter blob has no last flag; the longer one's last has one too many.
  const shorter = { ...sealed, sizeBytes: 3 * CHUNK };
  await refuses(new Uint8Array(Buffer.concat(pieces.slice(0, 3))), shorter);
  const longer = { ...sealed, sizeBytes: 5 * CHUNK };
  await refuses(new Uint8Array(Buffer.concat([...pieces, pieces[3]!])), longer);
});

test('[BLOB-13] the wrong key, true length or chunk size opens nothing', async () => {
  const key = new Uint8Array(sealed.key);
  key[31]! ^= 1;
  await refuses(sealed.blob, { ...sealed, key });
  await refuses(sealed.blob, { ...sealed, key: key.subarray(0, 31) });
  await refuses(sealed.blob, { ...sealed, chunkBytes: CHUNK / 2 });
  await refuses(sealed.blob, { ...sealed, sizeBytes: -1 });
  await refuses(sealed.blob, { ...sealed, sizeBytes: Number.MAX_SAFE_INTEGER });
  // Sizes that are padded to the same length: the blob's length cannot tell them apart.
  const odd = await sealBlob(content(4 * CHUNK - 5));
  assert.equal(odd.blobBytes, sealed.blobBytes);
  await refuses(odd.blob, { ...odd, sizeBytes: odd.sizeBytes + 1 });
  await refuses(odd.blob, { ...odd, sizeBytes: odd.sizeBytes - 1 });
});

test('[BLOB-13] chunks of another blob do not fit', async () => {
  const other = await sealBlob(plaintext);
  const mixed = new Uint8Array(sealed.blob);
  mixed.set(other.blob.subarray(0, SEALED_CHUNK));
  await refuses(mixed);
});

test('[BLOB-13] a stream gives out nothing that is not authentic', async () => {
  const blob = new Uint8Array(sealed.blob);
  blob[2 * SEALED_CHUNK + 5]! ^= 1;
  const given: Uint8Array[] = [];
  await assert.rejects(async () => {
    for await (const chunk of openChunks([blob], sealed)) given.push(chunk);
  }, BlobTamperedError);
  assert.deepEqual(new Uint8Array(Buffer.concat(given)), plaintext.subarray(0, given.length * CHUNK));
  assert.ok(given.length <= 2);
});
