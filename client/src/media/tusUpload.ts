// One blob to the server by tus (resumable uploads, protocol 1.0): after an
// interruption the server says how much it has, and the rest follows.
import { type GrantReply, ProtocolError } from '@carillon/protocol';
import { DetailedError, Upload } from 'tus-js-client';
import { parseJson, refusal } from '../connection/httpJson.ts';
import { httpUrl, isWithin } from '../connection/origin.ts';

/** Waits between attempts within one upload; after the last the upload rests until the device is online again. */
const RETRY_DELAYS_MS = [0, 500, 1_000, 3_000, 5_000, 10_000];

export interface TusUpload {
  readonly baseUrl: string;
  readonly blob: Uint8Array;
  readonly grant: GrantReply;
  /** Where an earlier attempt went. */
  readonly uploadUrl: string | undefined;
  readonly onUploadUrl: (url: string) => void;
  readonly onProgress: (doneBytes: number) => void;
  readonly signal: AbortSignal;
}

/** @throws ProtocolError */
export function tusUpload(options: TusUpload): Promise<void> {
  const { baseUrl, blob, grant, signal } = options;
  return new Promise((resolve, reject) => {
    const upload = new Upload(blob as unknown as Blob, {
      endpoint: httpUrl(baseUrl, grant.uploadUrl),
      uploadUrl: options.uploadUrl ?? null,
      uploadSize: blob.length,
      headers: { authorization: `Bearer ${grant.grant}` },
      retryDelays: RETRY_DELAYS_MS,
      storeFingerprintForResuming: false,
      fileReader: { openFile: async () => sourceOf(blob) },
      // The server's Location leads no further than its own origin.
      onBeforeRequest: (request) => {
        if (!isWithin(baseUrl, request.getURL())) throw new Error('the upload was sent elsewhere');
      },
      onUploadUrlAvailable: () => {
        if (upload.url) options.onUploadUrl(upload.url);
      },
      onProgress: (sent) => options.onProgress(sent),
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus();
        // Conflict and locked: the server still holds the connection that broke.
        return !signal.aborted && (status === undefined || status >= 500 || status === 409 || status === 423);
      },
      onSuccess: () => {
        signal.removeEventListener('abort', abort);
        resolve();
      },
      onError: (error) => {
        signal.removeEventListener('abort', abort);
        reject(uploadError(error));
      },
    });
    const abort = () => {
      void upload.abort().catch(() => {});
      reject(new ProtocolError('unreachable', { words: 'The upload was interrupted.' }));
    };
    if (signal.aborted) abort();
    else {
      signal.addEventListener('abort', abort, { once: true });
      upload.start();
    }
  });
}

/** Bytes alike in browser and Node; Node's request takes the length from `size`. */
function sourceOf(blob: Uint8Array) {
  return {
    size: blob.length,
    slice: async (start: number, end: number) => {
      const value = Object.assign(blob.subarray(start, end), { size: Math.min(end, blob.length) - start });
      return { value, done: end >= blob.length };
    },
    close: () => {},
  };
}

function uploadError(error: Error): ProtocolError {
  const response = error instanceof DetailedError ? error.originalResponse : null;
  if (!response) return new ProtocolError('unreachable', { cause: error, words: 'The upload was interrupted.' });
  return refusal(response.getStatus(), parseJson(response.getBody()));
}
