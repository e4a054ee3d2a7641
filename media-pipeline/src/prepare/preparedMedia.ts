// What preparation gives: structurally the SDK's PreparedMedia.

export interface PreparedInfo {
  readonly kind: 'photo' | 'video' | 'voice-note' | 'file';
  readonly sizeBytes: number;
  readonly mimeType: string;
  readonly fileName: string;
  readonly caption: string;
  readonly width: number;
  readonly height: number;
  readonly durationMs: number;
  /** JPEG, at most LIMITS.thumbnailBytesMax. */
  readonly thumbnail: Uint8Array<ArrayBuffer> | undefined;
  /** Peaks, 0 to 255. */
  readonly waveform: Uint8Array<ArrayBuffer> | undefined;
}

export interface PreparedMedia {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly info: PreparedInfo;
}

export interface PrepareOptions {
  /** As the receiver sees it; the name of the file by default. Its ending follows the new format. */
  readonly fileName?: string;
  readonly caption?: string;
  /** 0 to 1. */
  readonly progress?: (done: number) => void;
}

/** Words for the person who chose the file. */
export class PreparationError extends Error {
  override readonly name = 'PreparationError';
}

/** A view of its own memory, not of Node's shared pool: cloning it must not clone a neighbour. */
export function ownBytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer: memory } = buffer;
  if (memory instanceof ArrayBuffer && memory.byteLength === buffer.byteLength) return new Uint8Array(memory);
  return new Uint8Array(buffer);
}
