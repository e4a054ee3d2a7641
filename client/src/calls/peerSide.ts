// The peer link of a call with everything about it: the sealed way to the other
// device, what came before that way was open, and what the other says of its
// microphone, camera and screen.
import type { Address, CallId, Relayed } from '@carillon/protocol';
import type { Notice } from '../model.ts';
import type { CallEngine, LocalMedia, RemoteMedia, StatsEntry } from './engine.ts';
import { PeerLink } from './peerLink.ts';
import { SealedRelay } from './sealedRelay.ts';
import type { SignalingClient } from './signalingClient.ts';
import type { Signal } from './signals.ts';

/** Relayed frames kept until the roster says who the peer is. A description and its candidates are about a dozen. */
const EARLY_FRAMES_MAX = 64;

export interface PeerSideOptions {
  readonly callId: CallId;
  readonly self: Address;
  /** The caller is impolite, and offers. */
  readonly isCaller: boolean;
  /** This page has taken the call up again: it offers under the next generation, whoever called. */
  readonly isResumed: boolean;
  /** Of the last peer connection; 1 in a new call. */
  readonly generation: number;
  readonly video: boolean;
  readonly engine: CallEngine;
  readonly signaling: SignalingClient;
  connected(): void;
  lost(): void;
  /** What the other sends; undefined once the link is closed. */
  remote(media: RemoteMedia | undefined): void;
  notice(notice: Notice): void;
  generationChanged(): void;
}

export class PeerSide {
  readonly #options: PeerSideOptions;
  #generation: number;
  #media: LocalMedia | undefined;
  #link: PeerLink | undefined;
  #relay: SealedRelay | undefined;
  #early: Relayed[] = [];
  #tamperingTold = false;
  #streams: { readonly stream: unknown; readonly screen: unknown } = { stream: undefined, screen: undefined };
  #flags: { readonly microphone: boolean; readonly camera: boolean; readonly screen: boolean };

  constructor(options: PeerSideOptions) {
    this.#options = options;
    this.#generation = options.generation;
    this.#flags = { microphone: true, camera: options.video, screen: false };
  }

  get generation(): number {
    return this.#generation;
  }

  /** Makes the connection before it is known which device it goes to: a caller's offer and candidates are ready then. */
  prepare(media: LocalMedia): void {
    const { engine, signaling, isCaller, isResumed, connected, lost, notice, generationChanged } = this.#options;
    if (this.#link) return;
    if (isResumed) this.#generation++;
    this.#media = media;
    this.#link = new PeerLink({
      ...{ engine, media, lost },
      iceServers: () => signaling.iceServers,
      failed: () => notice({ code: 'call-failed', words: 'The other device sent something that this one cannot use.' }),
      polite: !isCaller,
      offerer: isCaller || isResumed,
      generation: this.#generation,
      send: (signal) => this.#relay?.send(signal),
      connected: () => {
        this.tellMedia();
        connected();
      },
      remote: (streams) => {
        this.#streams = streams;
        this.#tell();
      },
      generationChanged: (generation) => {
        this.#generation = generation;
        generationChanged();
      },
    });
  }

  /** The other device is known. */
  open(peer: Address, secret: Uint8Array, media: LocalMedia): void {
    this.prepare(media);
    const { callId, self, signaling } = this.#options;
    this.#relay = new SealedRelay({
      ...{ callId, self, peer, secret, signaling },
      tampered: () => this.#tampered(),
      signal: (signal) => this.#onSignal(signal),
    });
    this.#link?.release();
    this.tellMedia();
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#relay.receive(frame);
  }

  receive(frame: Relayed): void {
    if (this.#relay) this.#relay.receive(frame);
    else if (this.#early.length < EARLY_FRAMES_MAX) this.#early.push(frame);
  }

  /** Which of this device's sources are on. */
  tellMedia(): void {
    if (!this.#media) return;
    const { microphoneOn, cameraOn, screenOn } = this.#media;
    this.#relay?.send({ type: 'media', microphone: microphoneOn, camera: cameraOn, screen: screenOn });
  }

  async stats(): Promise<StatsEntry[]> {
    return (await this.#link?.stats()) ?? [];
  }

  close(): void {
    this.#link?.close();
    this.#relay?.close();
    this.#link = undefined;
    this.#relay = undefined;
    this.#options.remote(undefined);
  }

  /** Said once: whoever changes one signal changes many. */
  #tampered(): void {
    if (this.#tamperingTold) return;
    this.#tamperingTold = true;
    this.#options.notice({
      code: 'media-tampered',
      words: 'Something in this call did not come from the other device, and was ignored.',
    });
  }

  #onSignal(signal: Signal): void {
    if (signal.type !== 'media') {
      this.#link?.receive(signal);
      return;
    }
    this.#flags = signal;
    this.#tell();
  }

  #tell(): void {
    const { microphone, camera, screen } = this.#flags;
    this.#options.remote({
      stream: this.#streams.stream,
      screen: screen ? this.#streams.screen : undefined,
      microphoneOn: microphone,
      cameraOn: camera,
      speaking: false,
    });
  }
}
