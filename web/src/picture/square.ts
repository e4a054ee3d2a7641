// A photo as a group's picture: its middle square, small enough to travel
// inside the group's sealed state.

/** Sharp at the largest size shown, on a screen of double density. */
const SIDE_PX = 256;
const QUALITIES = [0.86, 0.74, 0.6, 0.45, 0.3];
/** Without loss a small drawing may still be larger: then it is made smaller. */
const SIDES_PX = [SIDE_PX, 160, 96];

/** @throws Error in words when it is no picture, or fits at no size */
export async function squarePicture(file: Blob, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const bitmap = await createImageBitmap(file).catch((cause: unknown) => {
    throw new Error('This file is not a picture that the browser can open.', { cause });
  });
  try {
    for (const side of SIDES_PX) {
      const canvas = drawn(bitmap, side);
      for (const quality of QUALITIES) {
        const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
        if (blob.size <= bytesMax) return new Uint8Array(await blob.arrayBuffer());
      }
    }
  } finally {
    bitmap.close();
  }
  throw new Error('This picture cannot be made small enough.');
}

function drawn(bitmap: ImageBitmap, side: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('The browser has no memory left for this picture.');
  // JPEG has no transparency; without a ground it would be black.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, side, side);
  const shorter = Math.min(bitmap.width, bitmap.height);
  const left = (bitmap.width - shorter) / 2;
  const top = (bitmap.height - shorter) / 2;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, left, top, shorter, shorter, 0, 0, side, side);
  return canvas;
}
