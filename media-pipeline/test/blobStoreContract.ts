// What every blob store promises. A store's test file calls this with the way to
// make an empty one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { BlobId } from '@carillon/protocol';
import type { BlobStore } from '../src/io/blobStore.ts';
import { blobIdOf } from './mediaUnderTest.ts';

export interface StoreUnderTest {
  readonly blobs: BlobStore;
  /** Where files to `put` may be written. */
  readonly stagingFolder: string;
}

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 1);

async function drained(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function putBytes({ blobs, stagingFolder }: StoreUnderTest, bytes: Buffer, nowMs = NOW_MS): Promise<BlobId> {
  const blobId = blobIdOf(bytes);
  const file = path.join(stagingFolder, randomBytes(8).toString('hex'));
  await writeFile(file, bytes);
  await blobs.put(blobId, file, nowMs);
  await assert.rejects(access(file), 'the store has taken the file over');
  return blobId;
}

const unknownId = () => blobIdOf(randomBytes(32));

export function blobStoreContract(name: string, start: (t: TestContext) => Promise<StoreUnderTest>): void {
  test(`${name}: what was put is there, whole and by range`, async (t) => {
    const store = await start(t);
    const bytes = randomBytes(600_000);
    const blobId = await putBytes(store, bytes);
    assert.deepEqual(await store.blobs.stat(blobId), { state: 'present', bytes: bytes.length, storedAtMs: NOW_MS });
    assert.deepEqual(await drained(await store.blobs.open(blobId)), bytes);
    for (const [start, end] of [
      [0, 0],
      [65_536, 131_071],
      [599_999, 599_999],
      [0, 599_999],
    ] as const) {
      assert.deepEqual(await drained(await store.blobs.open(blobId, { start, end })), bytes.subarray(start, end + 1));
    }
  });

  test(`${name}: ids that differ in case alone are different blobs`, async (t) => {
    const store = await start(t);
    const blobId = await putBytes(store, Buffer.from('case'));
    const at = blobId.search(/[a-zA-Z]/);
    const letter = blobId[at]!;
    const swapped = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    const other = (blobId.slice(0, at) + swapped + blobId.slice(at + 1)) as BlobId;
    assert.equal((await store.blobs.stat(other)).state, 'unknown');
  });

  test(`${name}: what never was is unknown, and not found`, async (t) => {
    const { blobs } = await start(t);
    assert.deepEqual(await blobs.stat(unknownId()), { state: 'unknown' });
    await assert.rejects(blobs.open(unknownId()), { code: 'not-found' });
    assert.equal(await blobs.renew(unknownId(), NOW_MS), false);
    await blobs.delete(unknownId());
  });

  test(`${name}: [BLOB-8] an old blob expires, is remembered, then forgotten`, async (t) => {
    const store = await start(t);
    const old = await putBytes(store, randomBytes(10));
    const young = await putBytes(store, randomBytes(10), NOW_MS + 20 * DAY_MS);
    const sweep = (nowMs: number) =>
      store.blobs.expire({ storedBeforeMs: nowMs - 30 * DAY_MS, forgetBeforeMs: nowMs - 180 * DAY_MS, nowMs });
    assert.equal(await sweep(NOW_MS + 29 * DAY_MS), 0);
    assert.equal(await sweep(NOW_MS + 31 * DAY_MS), 1);
    assert.deepEqual(await store.blobs.stat(old), { state: 'expired' });
    assert.equal((await store.blobs.stat(young)).state, 'present');
    await assert.rejects(store.blobs.open(old), { code: 'blob-expired' });
    assert.equal(await store.blobs.renew(old, NOW_MS), false);
    assert.equal(await sweep(NOW_MS + 200 * DAY_MS), 1, 'the young one, in its turn; tombstones are not counted again');
    assert.equal((await store.blobs.stat(old)).state, 'expired');
    await sweep(NOW_MS + 212 * DAY_MS);
    assert.equal((await store.blobs.stat(old)).state, 'unknown');
  });

  test(`${name}: renewing starts the age anew`, async (t) => {
    const store = await start(t);
    const blobId = await putBytes(store, randomBytes(10));
    assert.equal(await store.blobs.renew(blobId, NOW_MS + 20 * DAY_MS), true);
    const nowMs = NOW_MS + 40 * DAY_MS;
    assert.equal(await store.blobs.expire({ storedBeforeMs: nowMs - 30 * DAY_MS, forgetBeforeMs: 0, nowMs }), 0);
    assert.equal((await store.blobs.stat(blobId)).state, 'present');
  });

  test(`${name}: a stream that was open goes on while its blob expires`, async (t) => {
    const store = await start(t);
    const bytes = randomBytes(2_000_000);
    const blobId = await putBytes(store, bytes);
    const stream = await store.blobs.open(blobId);
    await store.blobs.expire({ storedBeforeMs: NOW_MS + 1, forgetBeforeMs: 0, nowMs: NOW_MS + 1 });
    assert.equal((await store.blobs.stat(blobId)).state, 'expired');
    assert.deepEqual(await drained(stream), bytes);
  });

  test(`${name}: putting again renews, and brings an expired blob back`, async (t) => {
    const store = await start(t);
    const bytes = randomBytes(100);
    const blobId = await putBytes(store, bytes);
    await putBytes(store, bytes, NOW_MS + DAY_MS);
    assert.deepEqual(await store.blobs.stat(blobId), { state: 'present', bytes: 100, storedAtMs: NOW_MS + DAY_MS });
    await store.blobs.expire({ storedBeforeMs: NOW_MS + 2 * DAY_MS, forgetBeforeMs: 0, nowMs: NOW_MS + 2 * DAY_MS });
    await putBytes(store, bytes, NOW_MS + 3 * DAY_MS);
    assert.deepEqual(await drained(await store.blobs.open(blobId)), bytes);
  });

  test(`${name}: a deleted blob leaves no trace`, async (t) => {
    const store = await start(t);
    const blobId = await putBytes(store, randomBytes(10));
    await store.blobs.delete(blobId);
    assert.deepEqual(await store.blobs.stat(blobId), { state: 'unknown' });
  });

  test(`${name}: says how much room there is`, async (t) => {
    const { blobs } = await start(t);
    assert.ok((await blobs.freeBytes()) > 0);
  });
}
