// A file in place of a microphone and a camera: ffmpeg reads it at its own speed
// and gives RTP (RFC 3550) with Opus (RFC 7587) and VP8 (RFC 7741), which goes
// into the connection as it is. Turning a source off holds its packets back.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { findProgram } from '@carillon/media-pipeline/prepare';
import { MediaStreamTrack } from 'werift';
import type { LocalMedia, Source } from '../../calls/engine.ts';
import { Recording } from './recording.ts';

export interface MediaFile {
  readonly path: string;
  /** From the start again at its end, until the call is over. */
  readonly loop: boolean;
}

export interface NodeMediaOptions {
  readonly file: MediaFile | undefined;
  /** Where what the other sends is written. */
  readonly record: string | undefined;
}

const OPUS = ['-c:a', 'libopus', '-ar', '48000', '-ac', '2', '-b:a', '32k', '-application', 'voip'];
// A key frame a second: ffmpeg cannot be asked for one when the other has lost its picture.
// Small and slow enough that one core keeps up: what falls behind here holds up the sound, too.
const VP8 = [
  '-vf',
  "fps=15,scale='min(640,iw)':'min(640,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2",
  '-c:v',
  'libvpx',
  '-deadline',
  'realtime',
  '-cpu-used',
  '8',
  '-b:v',
  '600k',
  '-g',
  '15',
  '-pix_fmt',
  'yuv420p',
];
/** Packets stay below the smallest path MTU that is common, with room for SRTP and TURN. */
const RTP_PACKET_BYTES = 1_200;
/** UDP asks the kernel to hold this much: a key frame comes as a burst. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

export class NodeMedia implements LocalMedia {
  readonly stream = undefined;
  readonly screen = undefined;
  readonly screenOn = false;
  readonly #file: MediaFile | undefined;
  readonly recording: Recording | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #tracks: Partial<Record<Source, MediaStreamTrack>> = {};
  readonly #on = { microphone: true, camera: false };
  readonly #sockets: Socket[] = [];
  #held = false;
  #ffmpeg: ChildProcess | undefined;
  #playing: Promise<void> | undefined;
  #closed = false;

  private constructor({ file, record }: NodeMediaOptions, video: boolean) {
    this.#file = file;
    this.recording = record === undefined ? undefined : new Recording(record);
    this.#on.camera = video;
    if (!file) return;
    this.#tracks.microphone = new MediaStreamTrack({ kind: 'audio' });
    this.#tracks.camera = new MediaStreamTrack({ kind: 'video' });
  }

  /** @throws Error with words when the file or ffmpeg is not there */
  static async open(options: NodeMediaOptions, { video }: { readonly video: boolean }): Promise<NodeMedia> {
    const { file } = options;
    if (file) {
      await findProgram('ffmpeg');
      await access(file.path).catch((cause) => {
        throw new Error(`The media file cannot be read: ${file.path}`, { cause });
      });
    }
    return new NodeMedia(options, video);
  }

  get microphoneOn(): boolean {
    return this.#file !== undefined && this.#on.microphone;
  }

  get cameraOn(): boolean {
    return this.#file !== undefined && this.#on.camera && !this.#held;
  }

  /** Its packets are held back while the source is off, or the call is on hold. */
  track(source: Source): MediaStreamTrack | undefined {
    return this.#tracks[source];
  }

  /** From the beginning, once somebody is there to hear it. */
  play(): void {
    this.#playing ??= this.#play().catch(() => this.close());
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.#set('microphone', on);
  }

  async setCamera(on: boolean): Promise<void> {
    this.#set('camera', on);
  }

  async setHeld(on: boolean): Promise<void> {
    this.#held = on;
    this.#changed();
  }

  setScreenShare(): Promise<void> {
    return Promise.reject(new Error('There is no screen to share on this device.'));
  }

  setInputDevice(): Promise<void> {
    return Promise.reject(new Error('Media comes from a file on this device; there are no inputs to choose.'));
  }

  close(): void {
    this.#closed = true;
    this.#ffmpeg?.kill('SIGKILL');
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#listeners.clear();
    this.recording?.close();
  }

  #set(source: 'microphone' | 'camera', on: boolean): void {
    this.#on[source] = on;
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #play(): Promise<void> {
    if (!this.#file) return;
    const [audio, video] = await Promise.all([this.#receive('microphone'), this.#receive('camera')]);
    const program = await findProgram('ffmpeg');
    if (this.#closed) return;
    const to = (port: number) => ['-f', 'rtp', `rtp://127.0.0.1:${port}?pkt_size=${RTP_PACKET_BYTES}`];
    const { path, loop } = this.#file;
    // `?`: a file may have only one of the two.
    const args = [
      ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-re'],
      ...(loop ? ['-stream_loop', '-1'] : []),
      ...['-i', `file:${path}`],
      ...['-map', '0:a:0?', ...OPUS, ...to(audio)],
      ...['-map', '0:v:0?', ...VP8, ...to(video)],
    ];
    this.#ffmpeg = spawn(program, args, { stdio: 'ignore' });
    this.#ffmpeg.on('error', () => this.close());
  }

  async #receive(source: 'microphone' | 'camera'): Promise<number> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
    this.#sockets.push(socket);
    const track = this.#tracks[source];
    socket.on('message', (packet) => {
      if (this.#on[source] && !this.#held && isRtp(packet)) track?.writeRtp(packet);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return (socket.address() as AddressInfo).port;
  }
}

/** Version 2, and not a packet type that RTCP uses on the same port (RFC 5761, section 4). */
function isRtp(packet: Buffer): boolean {
  if (packet.length < 12 || packet[0]! >> 6 !== 2) return false;
  const type = packet[1]! & 0x7f;
  return type < 64 || type > 95;
}
