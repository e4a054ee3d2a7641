// Files go as they are: whoever sends a document wants that document.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { checkInputFile } from './inputFile.ts';
import { ownBytes, type PreparedMedia, type PrepareOptions } from './preparedMedia.ts';

/** Held in memory, and once more when sealed; raising it raises what a sender's device must have. */
const INPUT_BYTES_MAX = 512 * 1024 * 1024;

/** @throws PreparationError in words when it cannot be read or is too large. */
export async function prepareFile(
  source: string,
  options: PrepareOptions & { readonly mimeType?: string } = {},
): Promise<PreparedMedia> {
  await checkInputFile(source, INPUT_BYTES_MAX);
  const bytes = ownBytes(await readFile(source));
  options.progress?.(1);
  return {
    bytes,
    info: {
      kind: 'file',
      sizeBytes: bytes.length,
      mimeType: options.mimeType || 'application/octet-stream',
      fileName: options.fileName ?? path.basename(source),
      caption: options.caption ?? '',
      width: 0,
      height: 0,
      durationMs: 0,
      thumbnail: undefined,
      waveform: undefined,
    },
  };
}
