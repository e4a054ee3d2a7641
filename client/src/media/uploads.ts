// Sealed media on their way up. The sealed bytes stay on the device until the
// server has the blob whole; only then is the message with its key sent. Uploads
// go one after another: two at once would only share the link.
import {
  type BlobId,
  type ConversationId,
  grantReplySchema,
  type MessageId,
  PATHS,
  ProtocolError,
} from '@carillon/protocol';
import { backoffMs } from '../connection/backoff.ts';
import { pause } from '../connection/pause.ts';
import { failMessage } from '../conversations/history.ts';
import { encodeContent } from '../messaging/content.ts';
import { extrasFor } from '../messaging/contentExtras.ts';
import { enqueue, isPassing } from '../messaging/outbox.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import { readMediaKey } from './mediaMessage.ts';
import type { TransferParts } from './transferParts.ts';
import { tusUpload } from './tusUpload.ts';

const LOST = 'The file is no longer on this device; send it again.';

export interface UploadJob {
  readonly messageId: MessageId;
  readonly to: ConversationId;
  readonly blobId: BlobId;
  /** Where tus goes on, once the server has named it. */
  readonly uploadUrl: string | undefined;
}

const jobKey = (id: MessageId) => `upload/${id}`;
const sealedKey = (blobId: BlobId) => `sealed/${blobId}`;

export async function addUpload(tx: StoreTransaction, job: UploadJob, sealed: Uint8Array): Promise<void> {
  await tx.put('blobs', sealedKey(job.blobId), sealed);
  await tx.put('media', jobKey(job.messageId), job);
}

export const readUpload = (tx: StoreTransaction, id: MessageId): Promise<UploadJob | undefined> =>
  tx.get<UploadJob>('media', jobKey(id));

export interface UploadParts extends TransferParts {
  /** A message waits in the outbox. */
  readonly onUploaded: (to: ConversationId) => void;
}

export class Uploads {
  readonly #parts: UploadParts;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;

  constructor(parts: UploadParts) {
    this.#parts = parts;
  }

  /** There may be something to upload. */
  kick(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#run()
      .catch(() => {
        // The store refused: the next kick tries again.
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.kick();
        }
      });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { ledger } = this.#parts;
    const jobs = await ledger.read((tx) => tx.list<UploadJob>('media', { from: 'upload/', to: 'upload0' }));
    for (const { value: job } of jobs) {
      if (this.#abort.signal.aborted) return;
      await this.#persist(job);
    }
  }

  /**
   * Again and again while it can help, the pauses growing to their bound: the media
   * service may be away for longer than the messaging socket, and then nothing else
   * would tell that it is back.
   */
  async #persist(job: UploadJob): Promise<void> {
    const { ledger, isOnline } = this.#parts;
    for (let attempt = 0; isOnline() && !this.#abort.signal.aborted; attempt++) {
      try {
        await this.#upload(job, (begun) => {
          job = begun;
        });
        return;
      } catch (thrown) {
        // One upload that fails for a reason of its own must not hold up the others.
        const error =
          thrown instanceof ProtocolError ? thrown : new ProtocolError('not-found', { cause: thrown, words: LOST });
        const uploadGone =
          error.code === 'not-found' || error.code === 'grant-expired' || error.code === 'grant-invalid';
        if (uploadGone && job.uploadUrl !== undefined) {
          job = { ...job, uploadUrl: undefined };
          await ledger.change((tx) => tx.put('media', jobKey(job.messageId), job));
        } else if (!isPassing(error)) {
          await this.#fail(job, error);
          return;
        }
        await pause(Math.max(backoffMs(attempt, Math.random()), error.details.retryAfterMs ?? 0), this.#abort.signal);
      }
    }
  }

  /** `onJob`: where the upload goes on, should it be interrupted. */
  async #upload(job: UploadJob, onJob: (begun: UploadJob) => void): Promise<void> {
    const { platform, ledger, emitter, http, tokens, baseUrl } = this.#parts;
    const blob = await ledger.read((tx) => tx.get<Uint8Array>('blobs', sealedKey(job.blobId)));
    if (!blob) throw new ProtocolError('not-found', { words: LOST });
    const request = { blobId: job.blobId, bytes: blob.length };
    const grant = await tokens.use((token) => http.post(PATHS.media.grants, request, grantReplySchema, token));
    const progress = (doneBytes: number, stage: 'transferring' | 'done' = 'transferring') =>
      emitter.emit('progress', {
        messageId: job.messageId,
        direction: 'up',
        stage,
        doneBytes,
        totalBytes: blob.length,
      });
    if (!grant.complete) {
      progress(0);
      await tusUpload({
        baseUrl,
        blob,
        grant,
        uploadUrl: job.uploadUrl,
        onUploadUrl: (uploadUrl) => {
          onJob({ ...job, uploadUrl });
          // Lost in a crash, tus creates the upload anew and the server still has the blob's bytes or not.
          ledger
            .change(async (tx) => {
              if (await readUpload(tx, job.messageId))
                await tx.put('media', jobKey(job.messageId), { ...job, uploadUrl });
            })
            .catch(() => {});
        },
        onProgress: (doneBytes) => progress(doneBytes),
        signal: this.#abort.signal,
      });
    }
    await ledger.change((tx) => this.#finish(tx, platform, job));
    progress(blob.length, 'done');
    this.#parts.onUploaded(job.to);
  }

  async #finish(tx: StoreTransaction, platform: Platform, job: UploadJob): Promise<void> {
    const value = await readMediaKey(tx, job.messageId);
    if (!value) throw new ProtocolError('not-found', { words: LOST });
    const extras = await extrasFor(tx, job.to);
    const content = encodeContent(this.#parts.account(), { case: 'media', value }, platform.now(), extras);
    await enqueue(tx, { messageId: job.messageId, to: job.to, content, copy: true });
    await tx.delete('media', jobKey(job.messageId));
    await tx.delete('blobs', sealedKey(job.blobId));
  }

  async #fail(job: UploadJob, error: ProtocolError): Promise<void> {
    const { ledger } = this.#parts;
    await ledger.change(async (tx, changes) => {
      // The sealed bytes stay: the person may try again.
      await tx.delete('media', jobKey(job.messageId));
      await tx.put('media', `failed/${job.messageId}`, { ...job, uploadUrl: undefined } satisfies UploadJob);
      await failMessage(tx, changes, job.messageId, error.message);
    });
  }
}

/** Puts a failed upload back in line; false when there is none. */
export async function retryUpload(tx: StoreTransaction, id: MessageId): Promise<boolean> {
  const job = await tx.get<UploadJob>('media', `failed/${id}`);
  if (!job) return false;
  await tx.delete('media', `failed/${id}`);
  await tx.put('media', jobKey(id), job);
  return true;
}
