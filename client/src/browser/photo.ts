// Photos in the browser: upright, at most so large, and re-encoded, which also
// leaves behind where and when they were taken (Exif).
import { LIMITS } from '@carillon/protocol';
import type { PreparedMedia } from '../ports.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Larger shows more detail when zoomed into, and takes longer to send. */
const LONGEST_EDGE = 2_048;
/** A photo of the full edge is usually 300 to 900 KB; the quality goes down until it fits. */
const PHOTO_BYTES_MAX = 1_500_000;
const PHOTO_QUALITIES = [0.85, 0.75, 0.65, 0.5];
const THUMBNAIL_EDGES = [320, 240, 160];
const THUMBNAIL_QUALITIES = [0.7, 0.5, 0.3];

/** @throws Error with words for the person */
export async function preparePhoto(
  blob: Blob,
  about: { fileName: string; caption: string },
  progress: (done: number) => void,
): Promise<PreparedMedia> {
  const image = await decode(blob);
  try {
    progress(0.3);
    const full = draw(image, image.width, image.height, LONGEST_EDGE);
    const bytes = await smallest(full, PHOTO_QUALITIES, PHOTO_BYTES_MAX);
    progress(0.8);
    const thumbnail = await thumbnailOf(image, image.width, image.height);
    progress(1);
    return {
      bytes,
      info: {
        kind: 'photo',
        sizeBytes: bytes.length,
        mimeType: 'image/jpeg',
        fileName: `${about.fileName.replace(/\.[^.]*$/, '') || 'photo'}.jpg`,
        caption: about.caption,
        width: full.width,
        height: full.height,
        durationMs: 0,
        thumbnail,
        waveform: undefined,
      },
    };
  } finally {
    image.close();
  }
}

async function decode(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch (cause) {
    throw new Error('This browser cannot read that picture. Send it as a file instead.', { cause });
  }
}

/** A JPEG of at most 16 KiB of anything that can be drawn; undefined when it cannot be made so small. */
export async function thumbnailOf(
  source: CanvasImageSource,
  width: number,
  height: number,
): Promise<Bytes | undefined> {
  for (const edge of THUMBNAIL_EDGES) {
    const bytes = await smallest(draw(source, width, height, edge), THUMBNAIL_QUALITIES, LIMITS.thumbnailBytesMax);
    if (bytes.length <= LIMITS.thumbnailBytesMax) return bytes;
  }
  return undefined;
}

function draw(source: CanvasImageSource, width: number, height: number, edge: number): OffscreenCanvas {
  const scale = Math.min(1, edge / Math.max(width, height, 1));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot make the picture ready. Send it as a file instead.');
  context.imageSmoothingQuality = 'high';
  // JPEG knows no transparency; without this it would be black.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The best quality that fits, or the lowest. */
async function smallest(canvas: OffscreenCanvas, qualities: readonly number[], bytesMax: number): Promise<Bytes> {
  let blob: Blob | undefined;
  for (const quality of qualities) {
    blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
    if (blob.size <= bytesMax) break;
  }
  return new Uint8Array(await blob!.arrayBuffer());
}
