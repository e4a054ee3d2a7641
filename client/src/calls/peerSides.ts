// The links of a peer call, one for each device it may be with. While it rings
// the callee's devices offer theirs to the caller, each its own; once signaling
// says which device has joined, that one's link is the call's and the others go.
import { type AccountId, type Address, addressKey, type CallId, type DeviceId, type Relayed } from '@carillon/protocol';
import type { Notice } from '../model.ts';
import type { Target } from './core/ladder.ts';
import type { CallEngine, LocalMedia, RemoteMedia, StatsEntry } from './engine.ts';
import { PeerSide } from './peerSide.ts';
import type { SignalingClient } from './signalingClient.ts';

/**
 * Devices of one callee that are connected to while they ring; more connect once
 * they have accepted. Raising it costs the caller a peer connection for each.
 */
export const PRECONNECT_MAX = 4;
/** Relayed frames kept until it is known whom they are from. A description and its candidates are about a dozen. */
const EARLY_FRAMES_MAX = 64;

export interface PeerSidesOptions {
  readonly callId: CallId;
  readonly self: Address;
  readonly isCaller: boolean;
  /** This page has taken the call up again: it offers under the next generation, whoever called. */
  readonly isResumed: boolean;
  /** Of the last peer connection; 1 in a new call. */
  readonly generation: number;
  readonly video: boolean;
  readonly engine: CallEngine;
  readonly signaling: SignalingClient;
  /** Undefined for a device that we have not invited, nor were invited by. */
  secretOf(device: Address): Uint8Array | undefined;
  /** This device rings, and its link to the caller is up. */
  preconnected(): void;
  connected(): void;
  lost(): void;
  /** What the other sends; undefined once the link is closed. */
  remote(media: RemoteMedia | undefined): void;
  /** There will be no link, in words for the person. */
  failed(words: string): void;
  notice(notice: Notice): void;
  generationChanged(): void;
}

export class PeerSides {
  readonly #options: PeerSidesOptions;
  readonly #sides = new Map<string, PeerSide>();
  /** The one that the call is with. */
  #adopted: PeerSide | undefined;
  #generation: number;
  #early: Relayed[] = [];
  #mayPreconnect = false;
  #tamperingTold = false;

  constructor(options: PeerSidesOptions) {
    this.#options = options;
    this.#generation = options.generation;
    this.#mayPreconnect = options.isCaller && !options.isResumed;
  }

  get generation(): number {
    return this.#adopted?.generation ?? this.#generation;
  }

  /** Connects to the caller while it rings here. `relayOnly`: the caller is not to learn where this device is. */
  preconnect(caller: Address, relayOnly: boolean): void {
    if (this.#sides.has(addressKey(caller))) return;
    try {
      this.#open(caller, relayOnly);
    } catch {
      // Said when it is accepted: until then nobody waits for it.
    }
  }

  /** The device that the call is with. @throws Error with words */
  adopt(device: Address, media: LocalMedia | undefined): void {
    const key = addressKey(device);
    const side = this.#sides.get(key) ?? this.#open(device, false);
    for (const [other, each] of this.#sides) if (other !== key) this.#drop(other, each);
    this.#mayPreconnect = false;
    this.#adopted = side;
    side?.adopt(media);
    const early = this.#early;
    this.#early = [];
    for (const frame of early) side?.receive(frame);
  }

  receive(frame: Relayed): void {
    const from = senderOf(frame);
    const side = from && (this.#sides.get(addressKey(from)) ?? this.#answering(from));
    if (side) side.receive(frame);
    else if (!this.#adopted && this.#early.length < EARLY_FRAMES_MAX) this.#early.push(frame);
  }

  setMedia(media: LocalMedia | undefined): void {
    this.#adopted?.setMedia(media);
  }

  limit(target: Target): void {
    this.#adopted?.limit(target);
  }

  tellMedia(): void {
    this.#adopted?.tellMedia();
  }

  async stats(): Promise<StatsEntry[]> {
    return (await this.#adopted?.stats()) ?? [];
  }

  close(): void {
    this.#mayPreconnect = false;
    for (const [key, side] of this.#sides) this.#drop(key, side);
    this.#adopted = undefined;
    this.#options.remote(undefined);
  }

  #drop(key: string, side: PeerSide): void {
    this.#sides.delete(key);
    side.close();
  }

  /** The caller's link to a device that rings, made when that device offers. */
  #answering(from: Address): PeerSide | undefined {
    if (!this.#mayPreconnect || this.#sides.size >= PRECONNECT_MAX) return undefined;
    try {
      return this.#open(from, false);
    } catch {
      return undefined;
    }
  }

  #open(peer: Address, relayOnly: boolean): PeerSide {
    const { secretOf, isCaller, isResumed, callId, self, video, engine, signaling, notice } = this.#options;
    const secret = secretOf(peer);
    if (!secret) throw new Error('the other device has no key for this call.');
    const side: PeerSide = new PeerSide({
      ...{ callId, self, peer, secret, video, engine, signaling, notice, isCaller, relayOnly },
      offers: !isCaller || isResumed,
      generation: isResumed ? this.#generation + 1 : this.#generation,
      preconnected: () => this.#options.preconnected(),
      connected: () => this.#options.connected(),
      lost: () => this.#options.lost(),
      remote: (media) => this.#options.remote(media),
      tampered: () => this.#tampered(),
      failed: (words) => this.#options.failed(words),
      generationChanged: (generation) => {
        this.#generation = generation;
        this.#options.generationChanged();
      },
    });
    this.#sides.set(addressKey(peer), side);
    return side;
  }

  /** Said once: whoever changes one signal changes many. */
  #tampered(): void {
    if (this.#tamperingTold) return;
    this.#tamperingTold = true;
    this.#options.notice({
      code: 'media-tampered',
      words: 'Something in this call was changed or repeated on its way, and was ignored.',
    });
  }
}

function senderOf({ from }: Relayed): Address | undefined {
  return from && { accountId: from.accountId as AccountId, deviceId: from.deviceId as DeviceId };
}
