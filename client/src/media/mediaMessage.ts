// A media message: what is shown (MediaInfo), and the key that opens the blob,
// kept apart so that no screen ever holds it.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type BlobId,
  blobIdSchema,
  LIMITS,
  MediaKind,
  type MediaMessage,
  MediaMessageSchema,
  type MessageId,
} from '@carillon/protocol';
import type { MediaKind as Kind, MediaInfo } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

const WAVEFORM_PEAKS_MAX = 64;
const TEXT_CHARACTERS_MAX = 1_024;

const KINDS = {
  photo: MediaKind.PHOTO,
  video: MediaKind.VIDEO,
  'voice-note': MediaKind.VOICE_NOTE,
  file: MediaKind.FILE,
} as const satisfies Record<Kind, MediaKind>;

/** Types that a page may hand to the browser: none that runs script when it is opened. */
const SHOWABLE =
  /^(?:image\/(?:jpeg|png|gif|webp|avif|heic|heif)|(?:audio|video)\/[a-z0-9.+-]+|text\/plain|application\/pdf)(?:;|$)/i;

/** What the sender says a file is, as far as it is safe to believe. */
export const safeMimeType = (claimed: string): string =>
  SHOWABLE.test(claimed) ? claimed.slice(0, 128) : 'application/octet-stream';

const text = (value: string) => value.slice(0, TEXT_CHARACTERS_MAX);
const bytesOrNone = (bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined =>
  bytes.length > 0 ? new Uint8Array(bytes) : undefined;

/** What a received one says, if it can be believed at all. */
export function parseMedia(message: MediaMessage): MediaMessage | undefined {
  const sound =
    blobIdSchema.safeParse(message.blobId).success &&
    message.key.length === 32 &&
    message.sizeBytes <= BigInt(LIMITS.blobBytesMax) &&
    message.blobBytes <= BigInt(LIMITS.blobBytesMax) &&
    message.thumbnail.length <= LIMITS.thumbnailBytesMax &&
    message.waveform.length <= WAVEFORM_PEAKS_MAX &&
    kindOf(message.kind) !== undefined;
  return sound ? message : undefined;
}

function kindOf(kind: MediaKind): Kind | undefined {
  return (Object.keys(KINDS) as Kind[]).find((name) => KINDS[name] === kind);
}

export function mediaInfo(message: MediaMessage): MediaInfo {
  return {
    kind: kindOf(message.kind) ?? 'file',
    blobId: message.blobId as BlobId,
    sizeBytes: Number(message.sizeBytes),
    mimeType: safeMimeType(message.mimeType),
    fileName: text(message.fileName),
    caption: message.caption,
    width: message.width,
    height: message.height,
    durationMs: message.durationMs,
    thumbnail: bytesOrNone(message.thumbnail),
    waveform: bytesOrNone(message.waveform),
  };
}

export interface SealedPlace {
  readonly blobId: BlobId;
  readonly key: Uint8Array;
  readonly sizeBytes: number;
  readonly blobBytes: number;
  readonly chunkBytes: number;
}

export function mediaMessage(
  info: Omit<MediaInfo, 'blobId'>,
  place: SealedPlace,
): MessageInitShape<typeof MediaMessageSchema> {
  return {
    kind: KINDS[info.kind],
    blobId: place.blobId,
    key: place.key as Uint8Array<ArrayBuffer>,
    sizeBytes: BigInt(place.sizeBytes),
    blobBytes: BigInt(place.blobBytes),
    chunkBytes: place.chunkBytes,
    mimeType: text(info.mimeType),
    fileName: text(info.fileName),
    caption: info.caption,
    width: info.width,
    height: info.height,
    durationMs: Math.round(info.durationMs),
    ...(info.thumbnail && info.thumbnail.length <= LIMITS.thumbnailBytesMax ? { thumbnail: info.thumbnail } : {}),
    ...(info.waveform ? { waveform: info.waveform.slice(0, WAVEFORM_PEAKS_MAX) } : {}),
  };
}

const mediaKey = (id: MessageId) => `key/${id}`;

export async function keepMediaKey(
  tx: StoreTransaction,
  id: MessageId,
  message: MessageInitShape<typeof MediaMessageSchema>,
): Promise<void> {
  await tx.put('media', mediaKey(id), toBinary(MediaMessageSchema, create(MediaMessageSchema, message)));
}

/** As encoded before, by this device or another of the account. */
export const keepMediaBytes = (tx: StoreTransaction, id: MessageId, encoded: Uint8Array): Promise<void> =>
  tx.put('media', mediaKey(id), encoded);

export const readMediaBytes = (tx: StoreTransaction, id: MessageId): Promise<Uint8Array | undefined> =>
  tx.get<Uint8Array>('media', mediaKey(id));

export async function readMediaKey(tx: StoreTransaction, id: MessageId): Promise<MediaMessage | undefined> {
  const bytes = await readMediaBytes(tx, id);
  return bytes && fromBinary(MediaMessageSchema, bytes);
}

export const forgetMediaKey = (tx: StoreTransaction, id: MessageId): Promise<void> => tx.delete('media', mediaKey(id));
