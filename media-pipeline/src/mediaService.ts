// The composition root: which store, which keys, which clock.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { accessClaimsSchema, PATHS, TOKEN } from '@carillon/protocol';
import { type Log, type RunningService, type ServiceDefinition, TokenVerifier } from '@carillon/service';
import { config, type MediaConfig } from './config.ts';
import { AccountLimits } from './core/accountLimits.ts';
import type { BlobStore } from './io/blobStore.ts';
import { Downloads } from './io/downloads.ts';
import { makeFolders } from './io/durableFile.ts';
import { Grants } from './io/grants.ts';
import { loadKeys } from './io/keys.ts';
import { LocalBlobStore } from './io/localBlobStore.ts';
import { MediaHttp } from './io/mediaHttp.ts';
import { Sweeper } from './io/sweeper.ts';
import { UploadStore } from './io/uploadStore.ts';
import { Uploads } from './io/uploads.ts';

const DAY_MS = 86_400_000;

export interface MediaOptions {
  /** Unix milliseconds; the system clock by default. */
  readonly now?: () => number;
  /** Instead of the local disk. */
  readonly blobs?: BlobStore;
}

export interface RunningMedia extends RunningService {
  /** Deletes what has outlived its time, now rather than at the next turn. */
  sweep(): Promise<void>;
}

export async function createMedia(settings: MediaConfig, log: Log, options: MediaOptions = {}): Promise<RunningMedia> {
  const now = options.now ?? Date.now;
  await mkdir(settings.CARILLON_DATA_DIR, { recursive: true });
  const folder = await makeFolders(path.resolve(settings.CARILLON_DATA_DIR), 'media');
  const keys = await loadKeys(folder);
  const blobs = options.blobs ?? new LocalBlobStore(await makeFolders(folder, 'blobs'));
  const retentionMs = settings.CARILLON_MEDIA_RETENTION_DAYS * DAY_MS;
  const uploadMs = settings.CARILLON_MEDIA_UPLOAD_HOURS * 3_600_000;
  const idleMs = settings.CARILLON_MEDIA_IDLE_SECONDS * 1_000;
  const freeBytesMin = settings.CARILLON_MEDIA_FREE_BYTES_MIN;
  const blobBytesMax = settings.CARILLON_MEDIA_BLOB_BYTES_MAX;
  const uploadFolder = await makeFolders(folder, 'uploads');
  const store = new UploadStore({ folder: uploadFolder, blobs, restMs: uploadMs, freeBytesMin, now });
  const grants = new Grants(keys, uploadMs);
  const uploads = new Uploads({ store, grants, uploadSecret: keys.uploadSecret, blobBytesMax, now, log });
  const cacheBytesMax = settings.CARILLON_MEDIA_CACHE_BYTES;
  const downloads = new Downloads({ blobs, cacheBytesMax, retentionMs, now });
  const access = new TokenVerifier({
    keys: new URL(PATHS.messaging.jwks, settings.CARILLON_MESSAGING_URL),
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
    log,
  });
  const http = new MediaHttp({
    keys,
    blobs,
    store,
    grants,
    uploads,
    downloads,
    limits: new AccountLimits(settings.CARILLON_MEDIA_DAILY_BYTES),
    access,
    blobBytesMax,
    freeBytesMin,
    urlValidMs: settings.CARILLON_MEDIA_URL_SECONDS * 1_000,
    idleMs,
    now,
    log,
  });
  const tombstoneMs = settings.CARILLON_MEDIA_TOMBSTONE_DAYS * DAY_MS;
  const everyMs = settings.CARILLON_MEDIA_SWEEP_SECONDS * 1_000;
  const sweeper = new Sweeper({ blobs, uploads: store, retentionMs, tombstoneMs, everyMs, now, log });
  void sweeper.sweep();
  return {
    handleRequest: (request, response, url) => http.handle(request, response, url),
    problems: () => problems(blobs, freeBytesMin),
    sweep: () => sweeper.sweep(),
    close: async () => {
      access.close();
      await sweeper.close();
    },
  };
}

async function problems(blobs: BlobStore, freeBytesMin: number): Promise<string[]> {
  try {
    if ((await blobs.freeBytes()) >= freeBytesMin) return [];
    return ['There is less free disk than CARILLON_MEDIA_FREE_BYTES_MIN: uploads are refused.'];
  } catch {
    return ['The blob store does not answer.'];
  }
}

export const mediaService: ServiceDefinition<(typeof config)['shape']> = {
  name: 'media-pipeline',
  summary: 'takes resumable uploads of sealed media and serves them by signed links.',
  config,
  healthPath: PATHS.media.health,
  listenOn: (settings) => ({ host: settings.CARILLON_MEDIA_HOST, port: settings.CARILLON_MEDIA_PORT }),
  start: (settings, log) => createMedia(settings, log),
};
