// The past, from the primary to a device that it has linked: one sealed blob by
// way of the media service, its key in an end-to-end encrypted message. Without
// that service the new device begins without a past, and is linked all the same.
import { openBlob, sealBlob } from '@carillon/media-pipeline/sealing';
import { type DeviceId, grantReplySchema, type HistoryTransfer, PATHS, ProtocolError } from '@carillon/protocol';
import { backoffMs } from '../connection/backoff.ts';
import { pause } from '../connection/pause.ts';
import { newMessageId } from '../conversations/writing.ts';
import { MediaTamperedError } from '../media/errors.ts';
import { fetchBlob } from '../media/fetchBlob.ts';
import type { TransferParts } from '../media/transferParts.ts';
import { tusUpload } from '../media/tusUpload.ts';
import { encodeContent } from '../messaging/content.ts';
import { enqueue, isPassing, type Outbox } from '../messaging/outbox.ts';
import type { HistoryProgress } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { exportHistory, HISTORY_BYTES_MAX } from './exportHistory.ts';
import { forgetImportProgress, importHistory } from './importHistory.ts';

/** More forgives a media service that starts late; the new device waits meanwhile. */
const ATTEMPTS_MAX = 4;
/** What sealing adds to the most there is. */
const BLOB_BYTES_MAX = HISTORY_BYTES_MAX + 2 * 1024 * 1024;

const dueKey = (deviceId: DeviceId) => `history-due/${String(deviceId).padStart(10, '0')}`;
const PENDING = 'history-pending';

type Place = Pick<HistoryTransfer, 'blobId' | 'key' | 'sizeBytes' | 'blobBytes' | 'chunkBytes'>;

/** By the primary: these devices are to get it. */
export async function oweHistory(tx: StoreTransaction, devices: readonly DeviceId[]): Promise<void> {
  for (const deviceId of devices) await tx.put('account', dueKey(deviceId), deviceId);
}

/** By the new device: it is there, and to be taken in. */
export async function notePending(tx: StoreTransaction, transfer: HistoryTransfer): Promise<void> {
  const { blobId, key, sizeBytes, blobBytes, chunkBytes } = transfer;
  if (blobBytes > BigInt(BLOB_BYTES_MAX) || sizeBytes > BigInt(HISTORY_BYTES_MAX)) return;
  await tx.put('account', PENDING, { blobId, key, sizeBytes, blobBytes, chunkBytes } satisfies Place);
}

export interface HistoryParts extends TransferParts {
  readonly outbox: Outbox;
}

export class History {
  readonly #parts: HistoryParts;
  readonly #abort = new AbortController();
  readonly #closing: Promise<void>;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: HistoryParts) {
    this.#parts = parts;
    this.#closing = new Promise((resolve) => {
      this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** There may be something to send or to take in. */
  kick(): void {
    this.#running = this.#running
      .then(() => this.#run())
      .catch(() => {
        // The store refused; what is owed or pending stays so until the next kick.
      });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { ledger } = this.#parts;
    const { due, pending } = await ledger.read(async (tx) => ({
      due: await tx.list<DeviceId>('account', { from: 'history-due/', to: 'history-due0' }),
      pending: await tx.get<Place>('account', PENDING),
    }));
    for (const { key, value } of due) await this.#attempt('sending', () => this.#send(value), key);
    if (pending) await this.#attempt('receiving', () => this.#receive(pending), PENDING);
  }

  /** Until it is done or cannot be; then it is no longer tried. Offline and closing only put it off. */
  async #attempt(direction: HistoryProgress['direction'], work: () => Promise<void>, key: string): Promise<void> {
    const { ledger, isOnline } = this.#parts;
    for (let failures = 0; isOnline() && !this.#abort.signal.aborted; ) {
      try {
        await work();
        return;
      } catch (error) {
        if (!(error instanceof ProtocolError || error instanceof MediaTamperedError)) throw error;
        if (this.#abort.signal.aborted) return;
        const isOver = !(error instanceof ProtocolError) || !isPassing(error) || ++failures >= ATTEMPTS_MAX;
        if (isOver) {
          await ledger.change((tx) => tx.delete('account', key));
          this.#tell({ direction, stage: 'failed', done: 0, total: 0, words: failureWords(direction, error) });
          return;
        }
        await pause(backoffMs(failures, Math.random()), this.#abort.signal);
      }
    }
  }

  async #send(deviceId: DeviceId): Promise<void> {
    const { platform, ledger, http, tokens, baseUrl, account, outbox } = this.#parts;
    const tell = (stage: HistoryProgress['stage'], done: number, total: number) =>
      this.#tell({ direction: 'sending', stage, done, total, words: undefined });
    tell('preparing', 0, 0);
    const sealed = await sealBlob(await exportHistory(ledger, account().accountId));
    const { blob, blobId, key, sizeBytes, blobBytes, chunkBytes } = sealed;
    const request = { blobId, bytes: blob.length };
    const grant = await tokens.use((token) => http.post(PATHS.media.grants, request, grantReplySchema, token));
    if (!grant.complete) {
      await tusUpload({
        baseUrl,
        blob,
        grant,
        uploadUrl: undefined,
        onUploadUrl: () => {},
        onProgress: (doneBytes) => tell('transferring', doneBytes, blob.length),
        signal: this.#abort.signal,
      });
    }
    const value = { blobId, key, sizeBytes: BigInt(sizeBytes), blobBytes: BigInt(blobBytes), chunkBytes };
    const content = encodeContent(account(), { case: 'historyTransfer', value }, platform.now());
    const messageId = newMessageId(platform.crypto);
    const to = account().accountId;
    const sent = outbox.watch(messageId, () => content);
    await ledger.change(async (tx) => {
      await enqueue(tx, { messageId, to, content, only: deviceId });
      await tx.delete('account', dueKey(deviceId));
    });
    outbox.kickLane(to);
    const told = sent.then(
      () => tell('done', blob.length, blob.length),
      () => {},
    );
    // Closed meanwhile, it goes with the next connection.
    await Promise.race([told, this.#closing]);
  }

  async #receive(place: Place): Promise<void> {
    const { ledger } = this.#parts;
    const { signal } = this.#abort;
    const tell = (stage: HistoryProgress['stage'], done: number, total: number) =>
      this.#tell({ direction: 'receiving', stage, done, total, words: undefined });
    const blobBytes = Number(place.blobBytes);
    const blob = await fetchBlob(
      this.#parts,
      { blobId: place.blobId, blobBytes },
      (done) => tell('transferring', done, blobBytes),
      signal,
    );
    const { key, chunkBytes } = place;
    const bytes = await openBlob(blob, { key, sizeBytes: Number(place.sizeBytes), chunkBytes }).catch((cause) => {
      throw new MediaTamperedError(cause);
    });
    await importHistory(ledger, bytes, (done, total) => tell('importing', done, total), signal);
    if (signal.aborted) return;
    await ledger.change(async (tx) => {
      await tx.delete('account', PENDING);
      await forgetImportProgress(tx);
    });
    tell('done', blobBytes, blobBytes);
  }

  #tell(progress: HistoryProgress): void {
    this.#parts.emitter.emit('history', progress);
  }
}

function failureWords(direction: HistoryProgress['direction'], error: Error): string {
  const what =
    direction === 'sending'
      ? 'Earlier messages could not be sent to the new device'
      : 'Earlier messages could not be fetched';
  return `${what}: ${error.message} New ones arrive on both devices.`;
}
