// The link to one other device with everything about it: the sealed way there,
// and what the other says of its microphone, camera and screen. Made while a
// call rings it is silent both ways until it is adopted: nothing is sent, and
// nothing of what comes is shown, before the call has been accepted.
import type { Address, CallId, Relayed } from '@carillon/protocol';
import type { Notice } from '../model.ts';
import type { Target } from './core/ladder.ts';
import type { CallEngine, LocalMedia, RemoteMedia, StatsEntry } from './engine.ts';
import { PeerLink } from './peerLink.ts';
import { SealedRelay } from './sealedRelay.ts';
import type { SignalingClient } from './signalingClient.ts';
import type { Signal } from './signals.ts';

const TOO_LARGE = 'what this device has to say of its media is more than the server relays.';

export interface PeerSideOptions {
  readonly callId: CallId;
  readonly self: Address;
  readonly peer: Address;
  /** 32 bytes, shared with that device. */
  readonly secret: Uint8Array;
  /** The caller is impolite. */
  readonly isCaller: boolean;
  readonly offers: boolean;
  readonly generation: number;
  readonly relayOnly: boolean;
  readonly video: boolean;
  readonly engine: CallEngine;
  readonly signaling: SignalingClient;
  /** Media could flow, if the call were accepted; said again after a loss. */
  preconnected(): void;
  connected(): void;
  lost(): void;
  remote(media: RemoteMedia): void;
  tampered(): void;
  /** There will be no link, in words for the person. */
  failed(words: string): void;
  notice(notice: Notice): void;
  generationChanged(generation: number): void;
}

export class PeerSide {
  readonly #options: PeerSideOptions;
  readonly #relay: SealedRelay;
  readonly #link: PeerLink;
  #media: LocalMedia | undefined;
  #isAdopted = false;
  #isUp = false;
  #streams: { readonly stream: unknown; readonly screen: unknown } = { stream: undefined, screen: undefined };
  #flags: Omit<Extract<Signal, { type: 'media' }>, 'type'>;
  /** Pictures are left out for the link. */
  #isPaused = false;

  /** @throws Error when this platform's WebRTC does not take the server's ICE servers */
  constructor(options: PeerSideOptions) {
    this.#options = options;
    this.#flags = { microphone: true, camera: options.video, screen: false };
    const { callId, self, peer, secret, signaling, engine, isCaller, offers, generation, relayOnly } = options;
    this.#relay = new SealedRelay({
      ...{ callId, self, peer, secret, signaling },
      tampered: () => options.tampered(),
      // While the link is up nothing is lost by it; ringing, nobody waits for it.
      tooLarge: () => {
        if (this.#isAdopted && !this.#isUp) options.failed(TOO_LARGE);
      },
      signal: (signal) => this.#onSignal(signal),
    });
    this.#link = new PeerLink({
      ...{ engine, generation, relayOnly },
      iceServers: () => signaling.iceServers,
      failed: () =>
        options.notice({ code: 'call-failed', words: 'The other device sent something that this one cannot use.' }),
      polite: !isCaller,
      offerer: offers,
      send: (signal) => this.#relay.send(signal),
      connected: () => this.#connected(),
      lost: () => {
        this.#isUp = false;
        signaling.prove();
        if (this.#isAdopted) options.lost();
      },
      remote: (streams) => {
        this.#streams = streams;
        this.#tell();
      },
      generationChanged: (changed) => {
        this.#isUp = false;
        if (this.#isAdopted) options.generationChanged(changed);
      },
    });
  }

  get generation(): number {
    return this.#link.generation;
  }

  /** The call is accepted, and this is the device: from here on it is heard, and hears. */
  adopt(media: LocalMedia | undefined): void {
    if (this.#isAdopted) return;
    this.#isAdopted = true;
    this.setMedia(media);
    this.#link.insist();
    this.#link.allowDirect();
    this.#tell();
    if (this.#isUp) this.#options.connected();
  }

  /** What is sent from now on. */
  setMedia(media: LocalMedia | undefined): void {
    this.#media = media;
    this.#link.setMedia(media);
    this.tellMedia();
  }

  /** What may be sent as the link is now. */
  limit(target: Target): void {
    this.#link.limit(target);
    if (target.audioOnly === this.#isPaused) return;
    this.#isPaused = target.audioOnly;
    this.tellMedia();
  }

  receive(frame: Relayed): void {
    this.#relay.receive(frame);
  }

  /** Which of this device's sources are on. */
  tellMedia(): void {
    if (!this.#media || !this.#isAdopted) return;
    const { microphoneOn, cameraOn, screenOn } = this.#media;
    // Paused pictures are none, also to a device that does not know of pausing.
    const [camera, screen] = [cameraOn && !this.#isPaused, screenOn && !this.#isPaused];
    const paused = this.#isPaused ? { paused: true } : {};
    this.#relay.send({ type: 'media', microphone: microphoneOn, camera, screen, ...paused });
  }

  stats(): Promise<StatsEntry[]> {
    return this.#link.stats();
  }

  close(): void {
    this.#link.close();
    this.#relay.close();
  }

  #connected(): void {
    this.#isUp = true;
    if (!this.#isAdopted) {
      this.#options.preconnected();
      return;
    }
    this.tellMedia();
    this.#options.connected();
  }

  #onSignal(signal: Signal): void {
    if (signal.type !== 'media') {
      this.#link.receive(signal);
      return;
    }
    this.#flags = signal;
    this.#tell();
  }

  #tell(): void {
    if (!this.#isAdopted) return;
    const { microphone, camera, screen, paused = false } = this.#flags;
    this.#options.remote({
      stream: this.#streams.stream,
      screen: screen ? this.#streams.screen : undefined,
      microphoneOn: microphone,
      cameraOn: camera,
      videoPaused: paused,
      speaking: false,
    });
  }
}
