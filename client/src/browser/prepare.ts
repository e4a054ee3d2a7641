// Media made ready in the browser, from a Blob or File.
import type { MediaSource } from '../api.ts';
import type { PreparedMedia } from '../ports.ts';
import { preparePhoto } from './photo.ts';
import { prepareVideo } from './video.ts';
import { prepareVoiceNote } from './voiceNote.ts';

/** A page holds the whole file in memory, and sealed once more. */
const INPUT_BYTES_MAX = 256 * 1024 * 1024;

/** @throws Error with words for the person */
export async function prepareInBrowser(source: MediaSource, progress: (done: number) => void): Promise<PreparedMedia> {
  const blob = source.data;
  if (!(blob instanceof Blob)) throw new Error('In the browser a file is given as a Blob.');
  if (blob.size > INPUT_BYTES_MAX) {
    throw new Error(`The file is larger than ${INPUT_BYTES_MAX / 1024 ** 2} MB, the most that can be sent from here.`);
  }
  const about = {
    fileName: source.fileName,
    mimeType: source.mimeType || blob.type,
    caption: source.caption ?? '',
  };
  try {
    switch (source.kind) {
      case 'photo':
        return await preparePhoto(blob, about, progress);
      case 'video':
        return await prepareVideo(blob, about, progress);
      case 'voice-note':
        return await prepareVoiceNote(blob, about, progress);
      case 'file':
        return await prepareFile(blob, about, progress);
      default:
        return source.kind satisfies never;
    }
  } catch (error) {
    // The file was moved or changed after it was chosen.
    if (error instanceof DOMException)
      throw new Error('The file cannot be read any more. Choose it again.', { cause: error });
    throw error;
  }
}

async function prepareFile(
  blob: Blob,
  about: { fileName: string; mimeType: string; caption: string },
  progress: (done: number) => void,
): Promise<PreparedMedia> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  progress(1);
  return {
    bytes,
    info: {
      kind: 'file',
      sizeBytes: bytes.length,
      mimeType: about.mimeType || 'application/octet-stream',
      fileName: about.fileName || 'file',
      caption: about.caption,
      width: 0,
      height: 0,
      durationMs: 0,
      thumbnail: undefined,
      waveform: undefined,
    },
  };
}
