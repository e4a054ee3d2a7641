import { stat } from 'node:fs/promises';
import path from 'node:path';
import { PreparationError } from './preparedMedia.ts';

/** @throws PreparationError when it is no readable file, empty, or larger than `bytesMax`. */
export async function checkInputFile(file: string, bytesMax: number): Promise<number> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new PreparationError('The file cannot be read.', { cause });
  });
  if (!found.isFile()) throw new PreparationError('That is not a file.');
  if (found.size === 0) throw new PreparationError('The file is empty.');
  checkSize(found.size, bytesMax);
  return found.size;
}

export function checkSize(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new PreparationError(`The file is too large: it may have ${Math.floor(bytesMax / 1024 ** 2)} MB.`);
}

/** `holiday.heic` becomes `holiday.jpg`: the name must not promise another format than the bytes have. */
export function renamed(fileName: string, extension: string): string {
  const { name } = path.parse(fileName);
  return `${name || 'media'}${extension}`;
}
