// Photos: upright, without metadata (EXIF holds where it was taken), within a
// size that a phone on a slow network sends in seconds.
import path from 'node:path';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { checkInputFile, checkSize, renamed } from './inputFile.ts';
import { ownBytes, PreparationError, type PreparedMedia, type PrepareOptions } from './preparedMedia.ts';
import { makeThumbnail } from './thumbnail.ts';

/** The longest edge sent: more than most screens show, and 4 megapixels at most. */
const EDGE_MAX = 2048;
/** What quality steps aim at; the last step may exceed it a little. */
const BYTES_AIM = 1024 * 1024;
const INPUT_BYTES_MAX = 128 * 1024 * 1024;
/** Phones make up to 200 megapixels; each costs 4 bytes of memory while it is decoded. */
const INPUT_PIXELS_MAX = 220_000_000;
const TIMEOUT_S = 60;
const STEPS: readonly { edge: number; quality: number }[] = [
  { edge: 2048, quality: 82 },
  { edge: 2048, quality: 72 },
  { edge: 2048, quality: 60 },
  { edge: 1600, quality: 60 },
  { edge: 1280, quality: 50 },
  { edge: 1024, quality: 45 },
];
/** Not SVG and the like: they are programs of a kind, not pictures. */
const FORMATS = new Set(['jpeg', 'jpg', 'png', 'webp', 'gif', 'tiff', 'heif', 'avif']);

/** @throws PreparationError in words when it is not a picture, or too large. */
export async function preparePhoto(source: string | Buffer, options: PrepareOptions = {}): Promise<PreparedMedia> {
  const progress = options.progress ?? (() => {});
  if (typeof source === 'string') await checkInputFile(source, INPUT_BYTES_MAX);
  else checkSize(source.length, INPUT_BYTES_MAX);
  const metadata = await readMetadata(source);
  progress(0.1);
  const upright = await decode(source, metadata.hasAlpha === true);
  progress(0.6);
  const encoded = await encode(upright);
  progress(0.9);
  const thumbnail = await makeThumbnail(upright.picture);
  progress(1);
  const given = options.fileName ?? (typeof source === 'string' ? path.basename(source) : 'photo');
  return {
    bytes: ownBytes(encoded.bytes),
    info: {
      kind: 'photo',
      sizeBytes: encoded.bytes.length,
      mimeType: upright.transparent ? 'image/webp' : 'image/jpeg',
      fileName: renamed(given, upright.transparent ? '.webp' : '.jpg'),
      caption: options.caption ?? '',
      width: encoded.width,
      height: encoded.height,
      durationMs: 0,
      thumbnail,
      waveform: undefined,
    },
  };
}

async function readMetadata(source: string | Buffer): Promise<Metadata> {
  let metadata: Metadata;
  try {
    metadata = await sharp(source, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new PreparationError('This is not a picture, or of a kind that cannot be read here.', { cause });
  }
  if (!FORMATS.has(metadata.format)) {
    throw new PreparationError('This is not a picture, or of a kind that cannot be read here.');
  }
  if (metadata.width * metadata.height > INPUT_PIXELS_MAX) {
    throw new PreparationError(`The picture is too large: it may have ${INPUT_PIXELS_MAX / 1e6} megapixels.`);
  }
  return metadata;
}

interface Upright {
  readonly picture: Sharp;
  readonly transparent: boolean;
}

/** Decodes the large original once; the steps after work on at most 4 megapixels. */
async function decode(source: string | Buffer, hasAlpha: boolean): Promise<Upright> {
  try {
    const { data, info } = await sharp(source, { limitInputPixels: INPUT_PIXELS_MAX, failOn: 'error' })
      .timeout({ seconds: TIMEOUT_S })
      .autoOrient()
      .resize({ width: EDGE_MAX, height: EDGE_MAX, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const picture = sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
    const transparent = hasAlpha && !(await picture.clone().stats()).isOpaque;
    return { picture, transparent };
  } catch (cause) {
    throw new PreparationError('The picture is damaged or cannot be read.', { cause });
  }
}

async function encode({ picture, transparent }: Upright): Promise<{ bytes: Buffer; width: number; height: number }> {
  let best: { bytes: Buffer; width: number; height: number } | undefined;
  for (const { edge, quality } of STEPS) {
    const sized = picture.clone().resize({ width: edge, height: edge, fit: 'inside', withoutEnlargement: true });
    const format = transparent ? sized.webp({ quality, alphaQuality: 90 }) : sized.jpeg({ quality, mozjpeg: true });
    const { data, info } = await format.toBuffer({ resolveWithObject: true });
    best = { bytes: data, width: info.width, height: info.height };
    if (data.length <= BYTES_AIM) break;
  }
  return best!;
}
