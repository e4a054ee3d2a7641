// Opened media kept on the device, so that a photo is downloaded once: the ones
// not looked at for longest go first.
import type { BlobId } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';

/** More keeps more at hand without the network, and takes that much of the device's storage. */
const CACHE_BYTES_MAX = 512 * 1024 * 1024;
/** One larger than this is not kept: it would push out too much else. */
const ONE_BYTES_MAX = 128 * 1024 * 1024;

interface Use {
  readonly bytes: number;
  readonly usedAtMs: number;
}

const openKey = (blobId: BlobId) => `open/${blobId}`;
const useKey = (blobId: BlobId) => `use/${blobId}`;

export async function cachedMedia(
  tx: StoreTransaction,
  blobId: BlobId,
  nowMs: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = await tx.get<Uint8Array<ArrayBuffer>>('blobs', openKey(blobId));
  if (bytes) await tx.put('blobs', useKey(blobId), { bytes: bytes.length, usedAtMs: nowMs } satisfies Use);
  return bytes;
}

export async function cacheMedia(
  tx: StoreTransaction,
  blobId: BlobId,
  bytes: Uint8Array,
  nowMs: number,
  bytesMax = CACHE_BYTES_MAX,
): Promise<void> {
  if (bytes.length > Math.min(ONE_BYTES_MAX, bytesMax)) return;
  await tx.put('blobs', openKey(blobId), bytes);
  await tx.put('blobs', useKey(blobId), { bytes: bytes.length, usedAtMs: nowMs } satisfies Use);
  const uses = await tx.list<Use>('blobs', { from: 'use/', to: 'use0' });
  let total = uses.reduce((sum, { value }) => sum + value.bytes, 0);
  uses.sort((a, b) => a.value.usedAtMs - b.value.usedAtMs);
  for (const { key, value } of uses) {
    if (total <= bytesMax) return;
    const old = key.slice('use/'.length) as BlobId;
    if (old === blobId) continue;
    await tx.delete('blobs', key);
    await tx.delete('blobs', openKey(old));
    total -= value.bytes;
  }
}
