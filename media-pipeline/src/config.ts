import { LIMITS } from '@carillon/protocol';
import { fields } from '@carillon/service';
import { z } from 'zod';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export const config = z.object({
  CARILLON_MEDIA_HOST: fields.host(),
  CARILLON_MEDIA_PORT: fields.port(7104),
  CARILLON_DATA_DIR: fields.dataDir(),
  CARILLON_MESSAGING_URL: fields.messagingUrl(),
  CARILLON_MEDIA_BLOB_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.blobBytesMax)
    .default(LIMITS.blobBytesMax)
    .describe(
      'Largest blob, ciphertext bytes. Lower refuses long videos; higher lets one upload take more of the disk.',
    ),
  CARILLON_MEDIA_DAILY_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(10 * GIB)
    .describe(
      'Bytes one account may upload per day, counted in memory. Lower protects the disk, higher the heavy sender.',
    ),
  CARILLON_MEDIA_FREE_BYTES_MIN: z.coerce
    .number()
    .int()
    .min(0)
    .default(512 * MIB)
    .describe('Uploads are refused when they would leave less free disk than this; other services share the disk.'),
  CARILLON_MEDIA_RETENTION_DAYS: z.coerce
    .number()
    .min(0.0001)
    .max(3650)
    .default(30)
    .describe(
      'Days a blob is kept after it was uploaded or last forwarded. Longer costs disk; shorter loses late readers.',
    ),
  CARILLON_MEDIA_TOMBSTONE_DAYS: z.coerce
    .number()
    .min(0)
    .max(3650)
    .default(180)
    .describe('Days an expired blob is still answered as expired rather than unknown; one inode each.'),
  CARILLON_MEDIA_UPLOAD_HOURS: z.coerce
    .number()
    .min(0.001)
    .max(24 * 30)
    .default(24)
    .describe('Hours an unfinished upload may rest before it is deleted, and a grant is valid.'),
  CARILLON_MEDIA_URL_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(7 * 86_400)
    .default(3_600)
    .describe(
      'Seconds a download link is valid. Longer lets a leaked link live longer; the blob stays sealed all the same.',
    ),
  CARILLON_MEDIA_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(64 * MIB)
    .describe('Memory for small blobs that are asked for often; 0 reads each from the store.'),
  CARILLON_MEDIA_SWEEP_SECONDS: z.coerce
    .number()
    .min(0.05)
    .max(86_400)
    .default(3_600)
    .describe('Seconds between two sweeps of expired blobs and uploads; each walks the whole store once.'),
  CARILLON_MEDIA_IDLE_SECONDS: z.coerce
    .number()
    .min(0.1)
    .max(3_600)
    .default(60)
    .describe('Seconds without a byte after which a transfer is cut; it can be resumed. Shorter frees sockets sooner.'),
});

export type MediaConfig = z.infer<typeof config>;
