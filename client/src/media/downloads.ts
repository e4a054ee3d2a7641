// Media on their way down: by a signed link, going on where an interruption cut
// (Range, RFC 9110 §14), opened and verified chunk by chunk, kept in the cache.
import { BlobTamperedError, openBlob } from '@carillon/media-pipeline/sealing';
import {
  type BlobId,
  blobUrlReplySchema,
  type MediaMessage,
  type MessageId,
  PATHS,
  ProtocolError,
} from '@carillon/protocol';
import type { AccessTokens } from '../account/accessTokens.ts';
import type { OpenedMedia } from '../api.ts';
import { backoffMs } from '../connection/backoff.ts';
import { type HttpJson, parseJson, refusal, unreachable } from '../connection/httpJson.ts';
import { httpUrl } from '../connection/origin.ts';
import type { Emitter } from '../events.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { MediaTamperedError } from './errors.ts';
import { cachedMedia, cacheMedia } from './mediaCache.ts';
import { readMediaKey, safeMimeType } from './mediaMessage.ts';

/** Interruptions in a row without a byte in between. */
const ATTEMPTS_MAX = 5;
/** Silence on a download after which it is taken for interrupted. */
const STALL_MS = 20_000;

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
    const opening = this.#open(id).finally(() => this.#underWay.delete(id));
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
    const bytes = await this.#unseal(media, blob);
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

  async #unseal(media: MediaMessage, blob: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await openBlob(blob, {
        key: media.key,
        sizeBytes: Number(media.sizeBytes),
        chunkBytes: media.chunkBytes,
      });
    } catch (error) {
      if (error instanceof BlobTamperedError) throw this.#tampered(error);
      throw error;
    }
  }

  #tampered(cause: unknown): MediaTamperedError {
    const error = new MediaTamperedError(cause);
    this.#parts.emitter.emit('notice', { code: 'media-tampered', words: error.message });
    return error;
  }

  async #download(id: MessageId, media: MediaMessage): Promise<Uint8Array> {
    const { http, tokens, emitter } = this.#parts;
    const totalBytes = Number(media.blobBytes);
    const blob = new Uint8Array(totalBytes);
    let doneBytes = 0;
    let url: string | undefined;
    const take = (part: Uint8Array) => {
      if (doneBytes + part.length > totalBytes) throw this.#tampered(new Error('longer than announced'));
      blob.set(part, doneBytes);
      doneBytes += part.length;
      emitter.emit('progress', { messageId: id, direction: 'down', stage: 'transferring', doneBytes, totalBytes });
    };
    for (let failures = 0; ; ) {
      const before = doneBytes;
      try {
        url ??= (await http.post(PATHS.media.blobUrl(media.blobId), {}, blobUrlReplySchema, await tokens.get())).url;
        await this.#fetchFrom(url, doneBytes, take);
        if (doneBytes === totalBytes) return blob;
        // A shorter blob than announced would be asked for for ever.
        if (doneBytes === before) throw this.#tampered(new Error('shorter than announced'));
      } catch (error) {
        const code = error instanceof ProtocolError ? error.code : undefined;
        if (code === 'url-expired' || code === 'url-invalid') url = undefined;
        else if (code !== 'unreachable' && code !== 'rate-limited') throw error;
        failures = doneBytes > before ? 0 : failures + 1;
        if (failures >= ATTEMPTS_MAX || this.#abort.signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, backoffMs(failures, Math.random())));
      }
    }
  }

  async #fetchFrom(url: string, from: number, take: (part: Uint8Array) => void): Promise<void> {
    const { platform, baseUrl } = this.#parts;
    const stall = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), STALL_MS);
    };
    try {
      alive();
      const { fetch } = platform;
      const response = await fetch(httpUrl(baseUrl, url), {
        redirect: 'error',
        headers: from > 0 ? { range: `bytes=${from}-` } : {},
        signal: AbortSignal.any([stall.signal, this.#abort.signal]),
      });
      if (response.status === 416) throw this.#tampered(new Error('shorter than announced'));
      if (!response.ok) throw refusal(response.status, parseJson(await response.text()));
      // A server that ignores Range sends all of it again.
      let skip = response.status === 206 ? 0 : from;
      const reader = response.body?.getReader();
      for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
        const part = read.value;
        alive();
        const rest = part.subarray(Math.min(skip, part.length));
        skip -= part.length - rest.length;
        if (rest.length > 0) take(rest);
      }
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof MediaTamperedError) throw error;
      throw unreachable(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
