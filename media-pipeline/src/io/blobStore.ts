// Where blobs rest. Adapters: the local disk (localBlobStore.ts); whatever comes
// beside it passes test/blobStoreContract.ts. A store neither checks nor knows
// what the bytes are: the upload was verified against the id before `put`.
import type { Readable } from 'node:stream';
import type { BlobId } from '@carillon/protocol';

export type BlobState =
  | { readonly state: 'present'; readonly bytes: number; readonly storedAtMs: number }
  /** Was here, was deleted for its age; remembered for a bounded time. */
  | { readonly state: 'expired' }
  | { readonly state: 'unknown' };

/** Both ends inclusive, inside the blob. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

export interface BlobStore {
  /**
   * Takes over a whole file. Once resolved the blob survives a crash and loss of
   * power, and the file at `filePath` is gone. Until then readers see what was
   * there before. Putting a blob that is present renews it.
   */
  put(blobId: BlobId, filePath: string, nowMs: number): Promise<void>;
  stat(blobId: BlobId): Promise<BlobState>;
  /** An opened stream goes on to its end even if the blob expires meanwhile. @throws ProtocolError `not-found`, `blob-expired` */
  open(blobId: BlobId, range?: BlobRange): Promise<Readable>;
  /** Starts the age of a present blob anew; false when it is not present. */
  renew(blobId: BlobId, nowMs: number): Promise<boolean>;
  /** Leaves no trace; deleting what is not there is no error. */
  delete(blobId: BlobId): Promise<void>;
  /**
   * Blobs stored before `storedBeforeMs` become `expired`, those that expired before
   * `forgetBeforeMs` become `unknown`. Returns how many became `expired`.
   */
  expire(times: { storedBeforeMs: number; forgetBeforeMs: number; nowMs: number }): Promise<number>;
  /** Room for further bytes; Infinity where the store has no such notion. */
  freeBytes(): Promise<number>;
}
