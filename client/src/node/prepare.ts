// Media made ready in Node, from the path of a file.
import type { MediaSource } from '../api.ts';
import type { PreparedMedia } from '../ports.ts';

/** @throws Error with words for the person */
export async function prepareOnNode(source: MediaSource, progress: (done: number) => void): Promise<PreparedMedia> {
  if (typeof source.data !== 'string') throw new Error('In Node a file is given by its path.');
  // sharp's native library is loaded only where something is prepared.
  const preparation = await import('@carillon/media-pipeline/prepare');
  const preparers = {
    photo: preparation.preparePhoto,
    video: preparation.prepareVideo,
    'voice-note': preparation.prepareVoiceNote,
    file: preparation.prepareFile,
  } as const;
  const { fileName, caption } = source;
  return preparers[source.kind](source.data, {
    ...(fileName ? { fileName } : {}),
    ...(caption === undefined ? {} : { caption }),
    progress,
  });
}
