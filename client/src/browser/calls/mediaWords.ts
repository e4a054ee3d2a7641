// Words for what the browser says when a device cannot be had
// (W3C Media Capture and Streams, section 10.2; Screen Capture, section 5.1).

export type Wanted = 'microphone' | 'camera' | 'screen';

export class MediaError extends Error {
  override readonly name = 'MediaError';
}

export function mediaError(cause: unknown, wanted: Wanted): MediaError {
  const name = cause instanceof DOMException || cause instanceof Error ? cause.name : '';
  return new MediaError(wordsFor(name, wanted), { cause });
}

function wordsFor(name: string, wanted: Wanted): string {
  switch (name) {
    case 'NotAllowedError':
      return wanted === 'screen'
        ? 'The screen is not shared: the browser was not allowed to.'
        : `The ${wanted} may not be used: allow it for this page in the browser's settings.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return wanted === 'screen'
        ? 'There is no screen to share.'
        : `No ${wanted} was found: connect one and try again.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${wanted} cannot be used: another app may be using it.`;
    case 'SecurityError':
      return `The ${wanted} may not be used on this page.`;
    default:
      return `The ${wanted} could not be started.`;
  }
}

export function requireMediaDevices(): MediaDevices {
  // Absent outside a secure context (https, or localhost).
  if (!globalThis.navigator?.mediaDevices) {
    throw new MediaError('Calls need a secure page: open it by https or on localhost.');
  }
  return navigator.mediaDevices;
}
