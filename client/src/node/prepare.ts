// Media made ready in Node, from the path of a file.
import { prepareFile, preparePhoto, prepareVideo, prepareVoiceNote } from '@carillon/media-pipeline/prepare';
import type { MediaSource } from '../api.ts';
import type { PreparedMedia } from '../ports.ts';

const PREPARERS = {
  photo: preparePhoto,
  video: prepareVideo,
  'voice-note': prepareVoiceNote,
  file: prepareFile,
} as const;

/** @throws Error with words for the person */
export async function prepareOnNode(source: MediaSource, progress: (done: number) => void): Promise<PreparedMedia> {
  if (typeof source.data !== 'string') throw new Error('In Node a file is given by its path.');
  const { fileName, caption } = source;
  return PREPARERS[source.kind](source.data, {
    ...(fileName ? { fileName } : {}),
    ...(caption === undefined ? {} : { caption }),
    progress,
  });
}
