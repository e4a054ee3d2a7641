// The microphone, the camera and the screen of this page. Muting keeps the
// microphone open, so that speaking again is instant; a camera that is off is
// closed, so that its light goes out.
import type { LocalMedia, Source } from '../../calls/engine.ts';
import { mediaError, requireMediaDevices, type Wanted } from './mediaWords.ts';

const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const SCREEN: DisplayMediaStreamOptions = { video: { frameRate: { ideal: 15, max: 30 } }, audio: false };

export class BrowserMedia implements LocalMedia {
  readonly #listeners = new Set<() => void>();
  readonly #tracks: Partial<Record<Source, MediaStreamTrack>> = {};
  readonly #chosen: { audioinput?: string; videoinput?: string } = {};
  readonly #stream = new MediaStream();
  #screen: MediaStream | undefined;
  /** The camera is opened again after the hold. */
  #held: { camera: boolean } | undefined;
  #closed = false;

  /** @throws MediaError when there is no microphone to use; without a camera the call starts without one. */
  static async open({ video }: { readonly video: boolean }): Promise<BrowserMedia> {
    const media = new BrowserMedia();
    if (video) {
      try {
        media.#put(await capture({ audio: MICROPHONE, video: CAMERA }, 'camera'));
        return media;
      } catch {
        // One of the two is missing: the microphone decides, and says its own words.
      }
    }
    media.#put(await capture({ audio: MICROPHONE }, 'microphone'));
    return media;
  }

  get stream(): MediaStream {
    return this.#stream;
  }

  get screen(): MediaStream | undefined {
    return this.#screen;
  }

  get microphoneOn(): boolean {
    return this.#tracks.microphone?.enabled ?? false;
  }

  get cameraOn(): boolean {
    return this.#tracks.camera !== undefined;
  }

  get screenOn(): boolean {
    return this.#tracks.screen !== undefined;
  }

  /** What may be sent. */
  track(source: Source): MediaStreamTrack | undefined {
    return this.#held ? undefined : this.#tracks[source];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async setMicrophone(on: boolean): Promise<void> {
    if (on && this.#tracks.microphone?.readyState !== 'live') {
      this.#put(await capture({ audio: this.#microphone() }, 'microphone'));
    }
    if (this.#tracks.microphone) this.#tracks.microphone.enabled = on;
    this.#changed();
  }

  async setCamera(on: boolean): Promise<void> {
    if (this.#held) this.#held.camera = on;
    if (on === this.cameraOn || this.#held) return;
    if (on) this.#put(await capture({ video: this.#camera() }, 'camera'));
    else this.#drop('camera');
    this.#changed();
  }

  async setScreenShare(on: boolean): Promise<void> {
    if (on === this.screenOn || (on && this.#held)) return;
    if (on) {
      const stream = await captureScreen();
      const track = stream.getVideoTracks()[0];
      if (!track) return;
      this.#drop('screen');
      this.#tracks.screen = track;
      this.#screen = stream;
      track.contentHint = 'detail';
      // The browser has its own button to stop sharing.
      track.onended = () => void this.setScreenShare(false);
    } else {
      this.#drop('screen');
      this.#screen = undefined;
    }
    this.#changed();
  }

  async setHeld(on: boolean): Promise<void> {
    if (on === (this.#held !== undefined)) return;
    if (on) {
      this.#held = { camera: this.cameraOn };
      this.#drop('camera');
      this.#drop('screen');
      this.#screen = undefined;
      this.#changed();
      return;
    }
    const wantsCamera = this.#held?.camera;
    this.#held = undefined;
    // The sound does not wait for the picture.
    this.#changed();
    if (wantsCamera) await this.setCamera(true);
  }

  async setInputDevice(kind: 'audioinput' | 'videoinput', deviceId: string): Promise<void> {
    this.#chosen[kind] = deviceId;
    if (kind === 'audioinput') {
      const wasOn = this.microphoneOn;
      this.#put(await capture({ audio: this.#microphone() }, 'microphone'));
      if (this.#tracks.microphone) this.#tracks.microphone.enabled = wasOn;
    } else if (this.cameraOn) {
      this.#put(await capture({ video: this.#camera() }, 'camera'));
    }
    this.#changed();
  }

  close(): void {
    this.#closed = true;
    for (const source of ['microphone', 'camera', 'screen'] as const) this.#drop(source);
    this.#listeners.clear();
  }

  #microphone(): MediaTrackConstraints {
    const { audioinput } = this.#chosen;
    return audioinput ? { ...MICROPHONE, deviceId: { exact: audioinput } } : MICROPHONE;
  }

  #camera(): MediaTrackConstraints {
    const { videoinput } = this.#chosen;
    return videoinput ? { ...CAMERA, deviceId: { exact: videoinput } } : CAMERA;
  }

  #put(stream: MediaStream): void {
    for (const track of stream.getTracks()) {
      // The call may have ended while the person was asked.
      if (this.#closed) {
        track.stop();
        continue;
      }
      const source = track.kind === 'audio' ? 'microphone' : 'camera';
      this.#drop(source);
      this.#tracks[source] = track;
      this.#stream.addTrack(track);
      track.onended = () => {
        // Unplugged, or taken back by the person.
        this.#drop(source);
        this.#changed();
      };
    }
  }

  #drop(source: Source): void {
    const track = this.#tracks[source];
    if (!track) return;
    delete this.#tracks[source];
    track.onended = null;
    track.stop();
    this.#stream.removeTrack(track);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

async function capture(constraints: MediaStreamConstraints, wanted: Wanted): Promise<MediaStream> {
  const devices = requireMediaDevices();
  try {
    return await devices.getUserMedia(constraints);
  } catch (cause) {
    throw mediaError(cause, wanted);
  }
}

async function captureScreen(): Promise<MediaStream> {
  const devices = requireMediaDevices();
  try {
    return await devices.getDisplayMedia(SCREEN);
  } catch (cause) {
    throw mediaError(cause, 'screen');
  }
}
