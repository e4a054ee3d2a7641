// Voice notes in the browser: what MediaRecorder made, with its waveform.
import type { PreparedMedia } from '../ports.ts';
import { peaksOf } from './peaks.ts';

export async function prepareVoiceNote(
  blob: Blob,
  about: { fileName: string; mimeType: string; caption: string },
  progress: (done: number) => void,
): Promise<PreparedMedia> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  progress(0.3);
  const sound = await decode(bytes);
  progress(1);
  return {
    bytes,
    info: {
      kind: 'voice-note',
      sizeBytes: bytes.length,
      mimeType: about.mimeType || 'audio/webm',
      fileName: about.fileName || 'voice note',
      caption: about.caption,
      width: 0,
      height: 0,
      durationMs: Math.round(sound.duration * 1000),
      thumbnail: undefined,
      waveform: peaksOf(sound.getChannelData(0)),
    },
  };
}

async function decode(bytes: Uint8Array<ArrayBuffer>): Promise<AudioBuffer> {
  try {
    // Decoding detaches the buffer it is given.
    return await new OfflineAudioContext(1, 1, 16_000).decodeAudioData(bytes.slice().buffer);
  } catch (cause) {
    throw new Error('The recording cannot be read. Please record it again.', { cause });
  }
}
