// The media link to one other device: perfect negotiation (W3C WebRTC 1.0,
// section 10.7) over signals that come sealed through signaling.
//
// The caller is impolite, the callee polite: when two offers meet, the caller's
// stands. A link has generations: a device whose page was loaded again has lost
// its peer connection and offers a new one under the next generation; the other
// replaces its own, and what still arrives of the old one is dropped. What comes
// before its description is kept. A description may be lost on its way, with a
// server that goes or a socket: in a call an offer goes again until it is
// answered, under its number, and one that was answered is answered again.
//
// It carries nothing until `setMedia`: links are made while a call rings, so that
// media flows the moment it is accepted. One that began relayed, to tell a
// stranger no address, looks for a direct way once it may.
import type { Target } from './core/ladder.ts';
import type { CallEngine, Candidate, Description, IceServer, LocalMedia, Peer, StatsEntry } from './engine.ts';
import { relayedCandidate, relayedDescription } from './relayedOnly.ts';
import type { Signal } from './signals.ts';

/** Candidates kept for a description that is still to come. Gathering gives about ten. */
const EARLY_CANDIDATES_MAX = 64;
/** 'disconnected' often heals by itself; each side waits its own time, so that their restarts rarely meet. */
const RESTART_AFTER_MS = { impolite: 800, polite: 2_500 } as const;
/** While media stays away a restart is tried again this often. Lower: more signals while a network is down. */
const RESTART_EVERY_MS = 5_000;
/**
 * An offer without an answer goes again after this. Lower: one that was lost with a server or a socket is made up for
 * sooner, and a slow link carries more of the same.
 */
export const OFFER_AGAIN_MS = 4_000;

export interface PeerLinkOptions {
  readonly engine: Pick<CallEngine, 'createPeer' | 'onNetworkChange'>;
  iceServers(): readonly IceServer[];
  readonly polite: boolean;
  /** Makes the first offer. */
  readonly offerer: boolean;
  readonly generation: number;
  /** Only ways through TURN, and no address of this device is told, until `allowDirect`. */
  readonly relayOnly: boolean;
  send(signal: Signal): void;
  connected(): void;
  lost(): void;
  remote(streams: { readonly stream: unknown; readonly screen: unknown }): void;
  /** A description that this device's WebRTC refuses. */
  failed(error: unknown): void;
  generationChanged(generation: number): void;
}

export class PeerLink {
  readonly #options: PeerLinkOptions;
  #generation: number;
  #peer: Peer | undefined;
  #media: LocalMedia | undefined;
  #relayOnly: boolean;
  #closed = false;
  #work: Promise<void> = Promise.resolve();
  #remoteSet = false;
  #ignoredOffer = false;
  #early: { generation: number; candidate: Candidate }[] = [];
  /** Numbers of the newest offer made here, and of the other end's newest that was answered here. */
  #offered = 0;
  #answered: number | undefined;
  #insists = false;
  #offerTimer: ReturnType<typeof setTimeout> | undefined;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #stopNetwork: () => void;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#generation = options.generation;
    this.#relayOnly = options.relayOnly;
    this.#stopNetwork = options.engine.onNetworkChange(() => this.restart());
    if (options.offerer) this.#replacePeer(true);
  }

  get generation(): number {
    return this.#generation;
  }

  /** What is sent from now on; undefined: nothing. */
  setMedia(media: LocalMedia | undefined): void {
    this.#media = media;
    this.#peer?.setMedia(media);
  }

  /** What may be sent as the link is now; said again and again. */
  limit(target: Target): void {
    this.#peer?.limit?.(target);
  }

  /** From now on somebody waits for media: an offer without an answer goes again, at once and until there is one. */
  insist(): void {
    this.#insists = true;
    void this.#queue(async () => this.#sendOffer(this.#peer));
  }

  /** Looks for a direct way; what flows meanwhile flows through the relay. */
  allowDirect(): void {
    if (!this.#relayOnly) return;
    this.#relayOnly = false;
    void this.#queue(async () => this.#peer?.restartIce(this.#options.iceServers(), false));
  }

  receive(signal: Signal): void {
    if (signal.type === 'description')
      void this.#queue(() => this.#onDescription(signal.generation, signal.offer, signal.description));
    if (signal.type === 'candidate') void this.#queue(() => this.#onCandidate(signal.generation, signal.candidate));
  }

  /** New ways through the network, for the same connection (RFC 8445, section 9). */
  restart(): void {
    void this.#queue(async () => {
      if (this.#peer && !this.#peer.isFresh) this.#peer.restartIce(this.#options.iceServers(), this.#relayOnly);
    });
  }

  async stats(): Promise<StatsEntry[]> {
    return (await this.#peer?.stats()) ?? [];
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#offerTimer);
    this.#stopNetwork();
    this.#peer?.close();
    this.#peer = undefined;
  }

  #queue(run: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#closed) return;
      try {
        await run();
      } catch (error) {
        if (!this.#closed) this.#options.failed(error);
      }
    });
    return this.#work;
  }

  #replacePeer(offerer: boolean): void {
    this.#peer?.close();
    clearTimeout(this.#restartTimer);
    this.#restartTimer = undefined;
    clearTimeout(this.#offerTimer);
    this.#answered = undefined;
    this.#remoteSet = false;
    this.#ignoredOffer = false;
    const generation = this.#generation;
    const { engine, iceServers } = this.#options;
    const peer = engine.createPeer({
      iceServers: iceServers(),
      relayOnly: this.#relayOnly,
      offerer,
      events: {
        candidate: (candidate) => {
          if (this.#peer === peer) this.#sendCandidate(generation, candidate);
        },
        negotiationNeeded: () => void this.#queue(() => this.#offer(peer)),
        connection: (state) => {
          if (this.#peer === peer) this.#onConnection(state);
        },
        remote: (streams) => {
          if (this.#peer === peer) this.#options.remote(streams);
        },
      },
    });
    this.#peer = peer;
    if (this.#media) peer.setMedia(this.#media);
  }

  async #offer(peer: Peer): Promise<void> {
    if (this.#peer !== peer || peer.signalingState !== 'stable') return;
    await peer.setLocalDescription();
    this.#offered++;
    this.#sendOffer(peer);
  }

  /** Neither its own way nor that of its answer is sure: a server may go with what it was given, a relay may be refused. */
  #sendOffer(peer: Peer | undefined): void {
    const description = peer?.localDescription;
    if (this.#peer !== peer || peer?.signalingState !== 'have-local-offer' || !description) return;
    this.#sendDescription(description, this.#offered);
    clearTimeout(this.#offerTimer);
    if (!this.#insists) return;
    const again = () => void this.#queue(async () => this.#sendOffer(peer));
    this.#offerTimer = setTimeout(again, OFFER_AGAIN_MS);
  }

  #sendDescription(description: Description, offer: number | undefined): void {
    const told = this.#relayOnly ? relayedDescription(description) : description;
    this.#options.send({ type: 'description', generation: this.#generation, offer, description: { ...told } });
  }

  #sendCandidate(generation: number, candidate: Candidate): void {
    const told = this.#relayOnly ? relayedCandidate(candidate) : candidate;
    if (told) this.#options.send({ type: 'candidate', generation, candidate: told });
  }

  async #onDescription(generation: number, offer: number | undefined, description: Description): Promise<void> {
    if (generation < this.#generation) return;
    const isOffer = description.type === 'offer';
    if (generation > this.#generation) {
      if (!isOffer) return;
      this.#generation = generation;
      this.#options.generationChanged(generation);
      this.#replacePeer(false);
    } else if (!this.#peer) {
      if (!isOffer) return;
      this.#replacePeer(false);
    }
    if (isOffer && this.#answerAgain(this.#peer!, offer)) return;
    const collides = isOffer && this.#peer!.signalingState !== 'stable';
    this.#ignoredOffer = collides && !this.#options.polite;
    if (this.#ignoredOffer) return;
    // Sections of an offer that was never answered cannot be taken over by another's: start clean.
    if (collides && this.#peer!.isFresh) this.#replacePeer(false);
    const peer = this.#peer!;
    // An answer to an offer that is no longer ours says nothing.
    if (!isOffer && (peer.signalingState !== 'have-local-offer' || (offer ?? this.#offered) !== this.#offered)) return;
    await peer.setRemoteDescription(description);
    this.#remoteSet = true;
    await this.#flushEarly(peer);
    if (!isOffer) return;
    const answer = await peer.setLocalDescription();
    if (this.#peer !== peer) return;
    this.#answered = offer;
    this.#sendDescription(answer, offer);
  }

  /** True: this offer was answered, and the answer was lost. With an offer of our own on its way the two meet as ever. */
  #answerAgain(peer: Peer, offer: number | undefined): boolean {
    if (offer === undefined || offer !== this.#answered || peer.signalingState !== 'stable') return false;
    const { localDescription } = peer;
    if (localDescription?.type === 'answer') this.#sendDescription(localDescription, offer);
    return true;
  }

  async #onCandidate(generation: number, candidate: Candidate): Promise<void> {
    if (generation < this.#generation) return;
    if (generation > this.#generation || !this.#remoteSet || !this.#peer) {
      if (this.#early.length < EARLY_CANDIDATES_MAX) this.#early.push({ generation, candidate });
      return;
    }
    await this.#addCandidate(this.#peer, candidate);
  }

  async #flushEarly(peer: Peer): Promise<void> {
    const early = this.#early.filter((entry) => entry.generation === this.#generation);
    this.#early = this.#early.filter((entry) => entry.generation > this.#generation);
    for (const { candidate } of early) await this.#addCandidate(peer, candidate);
  }

  async #addCandidate(peer: Peer, candidate: Candidate): Promise<void> {
    try {
      await peer.addIceCandidate(candidate);
    } catch {
      // One way less to try; of an ignored offer none was wanted (W3C example, section 10.7).
    }
  }

  #onConnection(state: 'connecting' | 'connected' | 'disconnected' | 'failed'): void {
    if (state === 'connected') {
      clearTimeout(this.#restartTimer);
      this.#restartTimer = undefined;
      this.#options.connected();
    } else if (state !== 'connecting') {
      this.#options.lost();
      const { polite } = this.#options;
      const waitMs = RESTART_AFTER_MS[polite ? 'polite' : 'impolite'];
      if (state === 'failed') this.#restartIn(polite ? waitMs : 0);
      else if (this.#restartTimer === undefined) this.#restartIn(waitMs);
    }
  }

  #restartIn(waitMs: number): void {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => {
      // One that is under way goes again by itself.
      if (this.#peer?.signalingState === 'stable') this.restart();
      this.#restartIn(RESTART_EVERY_MS);
    }, waitMs);
  }
}
