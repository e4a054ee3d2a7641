// Videos in the browser are sent as they are; a frame of it is the thumbnail.
import type { PreparedMedia } from '../ports.ts';
import { thumbnailOf } from './photo.ts';

/** A video this browser cannot play may still play elsewhere: it is not waited for longer. */
const LOAD_TIMEOUT_MS = 10_000;

interface Look {
  readonly width: number;
  readonly height: number;
  readonly durationMs: number;
  readonly thumbnail: Uint8Array<ArrayBuffer> | undefined;
}

export async function prepareVideo(
  blob: Blob,
  about: { fileName: string; mimeType: string; caption: string },
  progress: (done: number) => void,
): Promise<PreparedMedia> {
  const look = await lookAt(blob).catch((): Look => ({ width: 0, height: 0, durationMs: 0, thumbnail: undefined }));
  progress(0.5);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  progress(1);
  return {
    bytes,
    info: {
      kind: 'video',
      sizeBytes: bytes.length,
      mimeType: about.mimeType || 'video/mp4',
      fileName: about.fileName || 'video',
      caption: about.caption,
      waveform: undefined,
      ...look,
    },
  };
}

async function lookAt(blob: Blob): Promise<Look> {
  const url = URL.createObjectURL(blob);
  const video = document.createElement('video');
  try {
    video.muted = true;
    video.playsInline = true;
    video.preload = 'auto';
    video.src = url;
    await happened(video, 'loadeddata');
    const seconds = Number.isFinite(video.duration) ? video.duration : 0;
    if (seconds > 0) {
      // The very first frame is often black.
      video.currentTime = Math.min(1, seconds / 4);
      await happened(video, 'seeked');
    }
    const { videoWidth: width, videoHeight: height } = video;
    const thumbnail = width > 0 ? await thumbnailOf(video, width, height) : undefined;
    return { width, height, durationMs: Math.round(seconds * 1000), thumbnail };
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  }
}

function happened(video: HTMLVideoElement, event: 'loadeddata' | 'seeked'): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the video does not load')), LOAD_TIMEOUT_MS);
    const end = (then: () => void) => () => {
      clearTimeout(timer);
      then();
    };
    video.addEventListener(event, end(resolve), { once: true });
    video.addEventListener(
      'error',
      end(() => reject(new Error('the video cannot be read'))),
      { once: true },
    );
  });
}
