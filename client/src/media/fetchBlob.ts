// A sealed blob on its way down: by a signed link, going on where an interruption
// cut (Range, RFC 9110 §14).
import { blobUrlReplySchema, PATHS, ProtocolError } from '@carillon/protocol';
import type { AccessTokens } from '../account/accessTokens.ts';
import { backoffMs } from '../connection/backoff.ts';
import { type HttpJson, parseJson, refusal, unreachable } from '../connection/httpJson.ts';
import { httpUrl } from '../connection/origin.ts';
import { pause } from '../connection/pause.ts';
import type { Platform } from '../ports.ts';
import { MediaTamperedError } from './errors.ts';

/** Interruptions in a row without a byte in between. */
const ATTEMPTS_MAX = 5;
/** Silence on a download after which it is taken for interrupted. */
const STALL_MS = 20_000;

export interface FetchBlobParts {
  readonly platform: Pick<Platform, 'fetch'>;
  readonly http: HttpJson;
  readonly tokens: AccessTokens;
  readonly baseUrl: string;
}

export interface BlobPlace {
  readonly blobId: string;
  /** Of the ciphertext. */
  readonly blobBytes: number;
}

/** @throws ProtocolError `blob-expired`, `unreachable`, ...; MediaTamperedError when it is not as long as it should be */
export async function fetchBlob(
  parts: FetchBlobParts,
  { blobId, blobBytes: totalBytes }: BlobPlace,
  onProgress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { http, tokens } = parts;
  const blob = new Uint8Array(totalBytes);
  let doneBytes = 0;
  let url: string | undefined;
  const take = (part: Uint8Array) => {
    if (doneBytes + part.length > totalBytes) throw new MediaTamperedError(new Error('longer than announced'));
    blob.set(part, doneBytes);
    doneBytes += part.length;
    onProgress(doneBytes);
  };
  for (let failures = 0; ; ) {
    const before = doneBytes;
    try {
      url ??= (await tokens.use((token) => http.post(PATHS.media.blobUrl(blobId), {}, blobUrlReplySchema, token))).url;
      await fetchFrom(parts, url, doneBytes, take, signal);
      if (doneBytes === totalBytes) return blob;
      // A shorter blob than announced would be asked for for ever.
      if (doneBytes === before) throw new MediaTamperedError(new Error('shorter than announced'));
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : undefined;
      if (code === 'url-expired' || code === 'url-invalid') url = undefined;
      else if (code !== 'unreachable' && code !== 'rate-limited') throw error;
      failures = doneBytes > before ? 0 : failures + 1;
      if (failures >= ATTEMPTS_MAX || signal.aborted) throw error;
      await pause(backoffMs(failures, Math.random()), signal);
      if (signal.aborted) throw error;
    }
  }
}

async function fetchFrom(
  { platform, baseUrl }: FetchBlobParts,
  url: string,
  from: number,
  take: (part: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
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
      signal: AbortSignal.any([stall.signal, signal]),
    });
    if (response.status === 416) throw new MediaTamperedError(new Error('shorter than announced'));
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
