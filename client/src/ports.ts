// What the SDK's core needs of its platform. browser/ and node/ implement them;
// test/storeContract.ts runs against both stores.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import type { MediaSource } from './api.ts';
import type { MediaInfo } from './model.ts';

/**
 * Durable key-value collections with transactions: everything a device must not
 * lose. Values are structured-cloneable (plain data, Uint8Array).
 */
export interface Store {
  /**
   * All of the writes become durable together, or none does. Reads inside see
   * the writes before them. The function must not await anything but the
   * transaction's own calls (an IndexedDB transaction ends otherwise).
   */
  transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /** Deletes everything. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export type Collection =
  | 'account' // keys, tokens, profile
  | 'prekeys' // our own, signed and one-time
  | 'sessions' // ratchet states, by account.device
  | 'contacts'
  | 'conversations'
  | 'messages' // by conversation, time, id
  | 'outbox' // accepted from the person, not yet by the server
  | 'received' // ids seen: deduplication
  | 'media' // keys and places of blobs
  | 'blobs' // decrypted or encrypted bytes kept on the device
  | 'groups' // rosters, sender keys, ciphertexts that wait for one
  | 'social' // settings, who is blocked, presence keys
  | 'calls'; // the active call, for resume

export interface StoreTransaction {
  get<T>(collection: Collection, key: string): Promise<T | undefined>;
  put(collection: Collection, key: string, value: unknown): Promise<void>;
  delete(collection: Collection, key: string): Promise<void>;
  /** In key order (UTF-16 code units), from `from` (inclusive) to `to` (exclusive). */
  list<T>(
    collection: Collection,
    range?: { from?: string; to?: string; limit?: number; reverse?: boolean },
  ): Promise<{ key: string; value: T }[]>;
}

/** Media made ready on the device: smaller, without location metadata, with a thumbnail. */
export interface PreparedMedia {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly info: Omit<MediaInfo, 'blobId'>;
}

export interface Platform {
  readonly crypto: CryptoProvider;
  readonly store: Store;
  /** Re-encodes within the size budget. `progress` gets 0 to 1. @throws Error with words for the person */
  prepare(source: MediaSource, progress: (done: number) => void): Promise<PreparedMedia>;
  /** WebSocket constructor (browser, Node 24: the global one). */
  readonly WebSocket: typeof globalThis.WebSocket;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
}
