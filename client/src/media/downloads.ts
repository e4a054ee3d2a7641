// Media on their way down: fetched, opened and verified chunk by chunk, kept in
// the cache.
import { BlobTamperedError, openBlob } from '@carillon/media-pipeline/sealing';
import { type BlobId, type MediaMessage, type MessageId, ProtocolError } from '@carillon/protocol';
import type { AccessTokens } from '../account/accessTokens.ts';
import type { OpenedMedia } from '../api.ts';
import type { HttpJson } from '../connection/httpJson.ts';
import type { Emitter } from '../events.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { MediaTamperedError } from './errors.ts';
import { fetchBlob } from './fetchBlob.ts';
import { cachedMedia, cacheMedia } from './mediaCache.ts';
import { readMediaKey, safeMimeType } from './mediaMessage.ts';

export interface DownloadParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly http: HttpJson;
  readonly tokens: AccessTokens;
  readonly baseUrl: string;
}

export class Downloads {
  readonly #parts: DownloadParts;
  readonly #underWay = new Map<MessageId, Promise<OpenedMedia>>();
  readonly #abort = new AbortController();

  constructor(parts: DownloadParts) {
    this.#parts = parts;
  }

  /** @throws ProtocolError `blob-expired`, `unreachable`, ...; MediaTamperedError */
  open(id: MessageId): Promise<OpenedMedia> {
    const running = this.#underWay.get(id);
    if (running) return running;
    const opening = this.#open(id)
      .catch((error: unknown) => {
        if (error instanceof MediaTamperedError) {
          this.#parts.emitter.emit('notice', { code: 'media-tampered', words: error.message });
        }
        throw error;
      })
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, opening);
    return opening;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#underWay.values());
  }

  async #open(id: MessageId): Promise<OpenedMedia> {
    const { ledger, platform, emitter } = this.#parts;
    const found = await ledger.change(async (tx) => {
      const media = await readMediaKey(tx, id);
      return media && { media, bytes: await cachedMedia(tx, media.blobId as BlobId, platform.now()) };
    });
    if (!found) throw new ProtocolError('not-found', { words: 'This message has no media.' });
    const { media } = found;
    const { fileName } = media;
    const mimeType = safeMimeType(media.mimeType);
    if (found.bytes) return { bytes: found.bytes, mimeType, fileName };
    const blob = await this.#download(id, media);
    const bytes = await unseal(media, blob);
    await ledger.change((tx) => cacheMedia(tx, media.blobId as BlobId, bytes, platform.now()));
    emitter.emit('progress', {
      messageId: id,
      direction: 'down',
      stage: 'done',
      doneBytes: blob.length,
      totalBytes: blob.length,
    });
    return { bytes, mimeType, fileName };
  }

  #download(id: MessageId, media: MediaMessage): Promise<Uint8Array<ArrayBuffer>> {
    const totalBytes = Number(media.blobBytes);
    const onProgress = (doneBytes: number) =>
      this.#parts.emitter.emit('progress', {
        messageId: id,
        direction: 'down',
        stage: 'transferring',
        doneBytes,
        totalBytes,
      });
    return fetchBlob(this.#parts, { blobId: media.blobId, blobBytes: totalBytes }, onProgress, this.#abort.signal);
  }
}

async function unseal(media: MediaMessage, blob: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await openBlob(blob, { key: media.key, sizeBytes: Number(media.sizeBytes), chunkBytes: media.chunkBytes });
  } catch (error) {
    throw error instanceof BlobTamperedError ? new MediaTamperedError(error) : error;
  }
}
