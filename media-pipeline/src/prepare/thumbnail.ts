// Thumbnails travel inside the message, so their bound is hard.
import { LIMITS } from '@carillon/protocol';
import sharp, { type Sharp } from 'sharp';
import { ownBytes } from './preparedMedia.ts';

/** Tried in turn; the last fits whatever the picture: 64 pixels of noise are about 3 KB. */
const STEPS: readonly { edge: number; quality: number }[] = [
  { edge: 320, quality: 70 },
  { edge: 320, quality: 50 },
  { edge: 240, quality: 50 },
  { edge: 160, quality: 45 },
  { edge: 96, quality: 40 },
  { edge: 64, quality: 30 },
];

/** @param picture upright already; not consumed. */
export async function makeThumbnail(picture: Sharp): Promise<Uint8Array<ArrayBuffer>> {
  const first = STEPS[0]!.edge;
  const small = await picture
    .clone()
    .resize({ width: first, height: first, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .png({ compressionLevel: 1 })
    .toBuffer();
  let smallest: Buffer | undefined;
  for (const { edge, quality } of STEPS) {
    smallest = await sharp(small)
      .resize({ width: edge, height: edge, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality, mozjpeg: true })
      .toBuffer();
    if (smallest.length <= LIMITS.thumbnailBytesMax) return ownBytes(smallest);
  }
  throw new Error(`a thumbnail of ${STEPS.at(-1)!.edge} pixels has ${smallest?.length} bytes`);
}
