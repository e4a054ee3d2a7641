import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { LIMITS } from '@carillon/protocol';
import sharp from 'sharp';
import { PreparationError, preparePhoto } from '../../src/prepare/index.ts';
import { temporaryFolder } from '../mediaUnderTest.ts';

const solid = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 80, b: 20 } } });

/** Noise is the worst that an encoder can meet. */
function noise(width: number, height: number) {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });
}

async function gpsPhoto(): Promise<Buffer> {
  return solid(3000, 2000)
    .jpeg()
    .withExif({
      IFD0: { Make: 'Phone', Orientation: '6' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '51/1 30/1 3230/100',
        GPSLongitudeRef: 'W',
        GPSLongitude: '0/1 7/1 0/1',
      },
    })
    .withMetadata({ orientation: 6 })
    .toBuffer();
}

test('[BLOB-9] where and by what a photo was taken is gone, and it stands upright', async () => {
  const original = await gpsPhoto();
  const before = await sharp(original).metadata();
  assert.ok(before.exif && original.includes('Phone'), 'the original says it');
  assert.equal(before.orientation, 6);
  const seen: number[] = [];
  const { bytes, info } = await preparePhoto(original, { progress: (done) => seen.push(done), fileName: 'IMG_1.HEIC' });
  const after = await sharp(bytes).metadata();
  for (const piece of [bytes, info.thumbnail!]) {
    const { exif, xmp, iptc, orientation } = await sharp(piece).metadata();
    assert.deepEqual([exif, xmp, iptc, orientation], [undefined, undefined, undefined, undefined]);
    assert.equal(Buffer.from(piece).includes('Phone'), false);
  }
  assert.deepEqual([info.width, info.height], [1365, 2048], 'turned, and its longest edge bounded');
  assert.deepEqual([after.width, after.height], [1365, 2048]);
  assert.deepEqual([info.kind, info.mimeType, info.fileName], ['photo', 'image/jpeg', 'IMG_1.jpg']);
  assert.equal(info.sizeBytes, bytes.length);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.equal(seen.at(-1), 1);
});

test('a photo that compresses badly is brought near the budget, its thumbnail under the limit', async () => {
  const { bytes, info } = await preparePhoto(await noise(1300, 900).png({ compressionLevel: 0 }).toBuffer());
  assert.ok(bytes.length < 1.2 * 1024 * 1024, `${bytes.length} bytes`);
  assert.ok(info.thumbnail!.length <= LIMITS.thumbnailBytesMax, `${info.thumbnail!.length} bytes`);
  assert.equal((await sharp(bytes).metadata()).width, info.width);
});

test('a small picture is not blown up, and transparency is kept', async (t) => {
  const file = path.join(await temporaryFolder(t), 'sticker.png');
  const image = sharp({ create: { width: 40, height: 30, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0.5 } } });
  await image.png().toFile(file);
  const { bytes, info } = await preparePhoto(file);
  assert.deepEqual([info.width, info.height, info.mimeType, info.fileName], [40, 30, 'image/webp', 'sticker.webp']);
  assert.equal((await sharp(bytes).metadata()).hasAlpha, true);
  const opaque = await preparePhoto(await solid(40, 30).ensureAlpha().png().toBuffer());
  assert.equal(opaque.info.mimeType, 'image/jpeg');
});

test('what is no picture, damaged, empty or missing is refused in words', async (t) => {
  const folder = await temporaryFolder(t);
  const whole = await noise(400, 400).jpeg().toBuffer();
  const inputs: [string, Buffer][] = [
    ['noise.jpg', randomBytes(5_000)],
    ['cut.jpg', whole.subarray(0, whole.length / 2)],
    ['empty.jpg', Buffer.alloc(0)],
    [
      'program.svg',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
    ],
  ];
  for (const [name, bytes] of inputs) {
    const file = path.join(folder, name);
    await writeFile(file, bytes);
    await assert.rejects(preparePhoto(file), isPlain, name);
  }
  await assert.rejects(preparePhoto(path.join(folder, 'missing.jpg')), isPlain);
  await assert.rejects(preparePhoto(folder), isPlain);
});

test('a picture of too many pixels is refused before it is decoded', async () => {
  // A header that claims 20,000 by 20,000: decoded it would take 1.6 GB.
  const bomb = await solid(1, 1).png().toBuffer();
  const header = bomb.indexOf('IHDR');
  bomb.writeUInt32BE(20_000, header + 4);
  bomb.writeUInt32BE(20_000, header + 8);
  bomb.writeUInt32BE(crc32(bomb.subarray(header, header + 17)), header + 17);
  await assert.rejects(preparePhoto(bomb), /megapixels/);
});

function isPlain(error: unknown): boolean {
  assert.ok(error instanceof PreparationError, String(error));
  assert.doesNotMatch(error.message, /\/|ENOENT|Vips|Input/);
  return true;
}
