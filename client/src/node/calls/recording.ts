// What the other says and shows, into a WebM file.
import type { MediaStreamTrack } from 'werift';
import { MediaRecorder } from 'werift/nonstandard';

/** Microphone and camera. */
const TRACKS = 2;

export class Recording {
  readonly #recorder: MediaRecorder;
  readonly #kinds = new Set<string>();

  constructor(path: string) {
    // Both streams begin together; waiting for sender reports to align them would lose the first seconds.
    this.#recorder = new MediaRecorder({ path, numOfTracks: TRACKS, disableNtp: true, disableLipSync: true });
  }

  /** The first of each kind; a connection made anew goes into no second file. */
  add(track: MediaStreamTrack): void {
    if (this.#kinds.has(track.kind)) return;
    this.#kinds.add(track.kind);
    void this.#recorder.addTrack(track);
  }

  close(): void {
    this.#recorder.stop().catch(() => {});
  }
}
