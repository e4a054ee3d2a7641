import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BlobTamperedError,
  blobIdOf,
  createBlobHasher,
  createBlobKey,
  openBlob,
  openChunks,
  openRange,
  sealBlob,
  sealChunks,
  sealedLength,
} from '../../src/sealing/index.ts';
import { content, gather, inPieces } from './content.ts';

const CHUNK = 65_536;
const BORDER_SIZES = [0, 1, 4_095, 4_096, 4_097, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 1];

test('[BLOB-11] what is sealed opens as it was, at every size around a chunk border', async () => {
  for (const size of BORDER_SIZES) {
    const plaintext = content(size);
    const progress: number[] = [];
    const sealed = await sealBlob(plaintext, (done) => progress.push(done));
    assert.equal(sealed.blob.length, sealedLength(size));
    assert.equal(sealed.blobBytes, sealed.blob.length);
    assert.equal(progress.at(-1), sealed.blobBytes);
    assert.deepEqual(await openBlob(sealed.blob, sealed), plaintext);
    assert.equal(sealed.blobId, createHash('sha256').update(sealed.blob).digest('base64url'));
    assert.equal(await blobIdOf(sealed.blob), sealed.blobId);
  }
});

test('[BLOB-11] the same in a stream, in pieces of any size', async () => {
  const plaintext = content(200_000);
  const key = createBlobKey();
  const secret = { key, sizeBytes: plaintext.length, chunkBytes: CHUNK };
  const whole = await gather(sealChunks([plaintext], secret));
  for (const pieceBytes of [1_000, CHUNK, CHUNK + 16, 999_999]) {
    const blob = await gather(sealChunks(inPieces(plaintext, pieceBytes), secret));
    assert.deepEqual(blob, whole);
    assert.deepEqual(await gather(openChunks(inPieces(blob, pieceBytes), secret)), plaintext);
    const hasher = createBlobHasher();
    for await (const piece of inPieces(blob, pieceBytes)) hasher.update(piece);
    assert.equal(hasher.blobId(), await blobIdOf(whole));
  }
});

test('[BLOB-11] a stream is worked on as it comes: few chunks are taken ahead', async () => {
  let taken = 0;
  const endless = async function* () {
    for (let n = 0; n < 200; n++) {
      taken++;
      yield content(CHUNK);
    }
  };
  const chunks = sealChunks(endless(), { key: createBlobKey(), sizeBytes: 200 * CHUNK, chunkBytes: CHUNK });
  for (let n = 0; n < 5; n++) await chunks.next();
  assert.ok(taken < 20, `${taken} chunks were taken for 5`);
  await chunks.return(undefined);
});

test('[BLOB-12] any byte range opens and verifies alone, fetching only its chunks', async () => {
  const plaintext = content(5 * CHUNK + 777);
  const sealed = await sealBlob(plaintext);
  let fetched = 0;
  const fetchRange = async (from: number, to: number) => {
    assert.ok(from >= 0 && from < to && to <= sealed.blobBytes);
    fetched = to - from;
    return sealed.blob.subarray(from, to);
  };
  const position = fc.nat({ max: plaintext.length });
  const near = fc.tuple(fc.nat({ max: 5 }), fc.integer({ min: -2, max: 2 })).map(([chunk, by]) => {
    return Math.max(0, chunk * CHUNK + by);
  });
  const end = fc.oneof(position, near);
  await fc.assert(
    fc.asyncProperty(end, end, async (a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      fetched = 0;
      assert.deepEqual(await openRange(fetchRange, sealed, from, to), plaintext.subarray(from, to));
      assert.ok(fetched <= to - from + 2 * (CHUNK + 16) + 6 * 16);
    }),
  );
  for (const [from, to] of [
    [-1, 5],
    [5, 4],
    [0, plaintext.length + 1],
    [0.5, 2],
  ] as const) {
    await assert.rejects(openRange(fetchRange, sealed, from, to), RangeError);
  }
  const liar = async (from: number, to: number) => fetchRange(from + 1, to + 1);
  await assert.rejects(openRange(liar, sealed, 10, 20), BlobTamperedError);
  const short = async (from: number, to: number) => sealed.blob.subarray(from, to - 1);
  await assert.rejects(openRange(short, sealed, 10, 20), BlobTamperedError);
});

test('[BLOB-14] the sealed length tells little of the size', async () => {
  const lengths = new Set<number>();
  for (let size = 0; size < 1_000_000; size += 100) {
    const sealed = sealedLength(size);
    const chunks = Math.ceil(sealed / (CHUNK + 16));
    assert.ok(sealed - 16 * chunks >= size);
    assert.ok(sealed - 16 * chunks <= Math.max(4_096, size * 1.12 + 1));
    lengths.add(sealed);
  }
  assert.ok(lengths.size < 200, `${lengths.size} lengths`);
  assert.throws(() => sealedLength(-1), RangeError);
  assert.throws(() => sealedLength(3 * 1024 ** 3), RangeError);
  assert.throws(() => sealedLength(10, 10), RangeError);
});

test('a source that is not as long as announced is refused', async () => {
  const secret = { key: createBlobKey(), sizeBytes: 100_000, chunkBytes: CHUNK };
  for (const size of [0, 99_999, 100_001, 500_000]) {
    await assert.rejects(gather(sealChunks([content(size)], secret)), RangeError);
  }
});

test('what the source throws comes out as it is, not as tampering', async () => {
  const sealed = await sealBlob(content(300_000));
  const broken = async function* () {
    yield sealed.blob.subarray(0, 100_000);
    throw new TypeError('the network is gone');
  };
  await assert.rejects(gather(openChunks(broken(), sealed)), TypeError);
  const fetchRange = () => Promise.reject(new TypeError('the network is gone'));
  await assert.rejects(openRange(fetchRange, sealed, 0, 10), TypeError);
});

test('[BLOB-11] the blob of format 1 is the same, byte for byte, as on the day it was frozen', async () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  const plaintext = content(70_000);
  const blob = await gather(sealChunks([plaintext], { key, sizeBytes: 70_000, chunkBytes: CHUNK }));
  assert.equal(blob.length, 71_712);
  assert.equal(
    Buffer.from(blob.subarray(0, 32)).toString('hex'),
    'b1d7dd7fed8f6b9c53f3e2b2dd2862b8c7fbff6b7e6415b328bac5906d365a61',
  );
  assert.equal(await blobIdOf(blob), 'trBf-FhHVPYCXejg0WpGs302oelPIT86ClLeb8mskT0');
  const small = await gather(sealChunks([plaintext.subarray(0, 5)], { key, sizeBytes: 5, chunkBytes: 1_024 }));
  assert.equal(await blobIdOf(small), 'JmQI8w5k9av58seRDow8W6qJ4IsgDy1kW_DJN7CCBBs');
});
