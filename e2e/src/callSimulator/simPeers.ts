// Peer connections without media: the signaling states of W3C WebRTC 1.0
// (section 4.4.1), ICE credentials that each restart makes anew (RFC 8445,
// section 9), and ways between two that break, heal, or need such a restart.
import type { Candidate, Description, Peer, PeerOptions } from '@carillon/client/calls';
import type { Chance, Scheduler } from './scheduler.ts';

/** Consent is missed (RFC 7675: 30 s at most; browsers say 'disconnected' after some seconds), then given up. */
const MISSED_MS = 7_000;
const GIVEN_UP_MS = 20_000;
const CANDIDATES = 2;

/** What a description says: whose it is, and its ICE credentials. */
interface Side {
  readonly peer: number;
  readonly ufrag: number;
}

/** Where a device is. */
export interface Network {
  readonly isUp: boolean;
}

type ConnectionState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed';

/** All peer connections of a world. */
export class PeerNet {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly #peers = new Map<number, SimPeer>();
  /** Pairs of credentials between which nothing gets through any more, and until when: Infinity is for good. */
  readonly #cut = new Map<string, number>();
  #ids = 0;

  constructor(scheduler: Scheduler, chance: Chance) {
    this.scheduler = scheduler;
    this.chance = chance;
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  create(options: PeerOptions, network: Network): SimPeer {
    const peer = new SimPeer(this, options, network);
    this.#peers.set(peer.id, peer);
    return peer;
  }

  /** One of each pair that is connected. */
  get connected(): readonly SimPeer[] {
    return [...this.#peers.values()].filter((peer) => peer.state === 'connected' && peer.id < (peer.other ?? 0));
  }

  /** What the one sends arrives at the other. */
  flows(peer: SimPeer): boolean {
    const other = this.#otherOf(peer);
    return other !== undefined && this.#isOpen(peer, other);
  }

  /** A device has lost its network, or found one. */
  changed(network: Network): void {
    for (const peer of this.#peers.values()) {
      if (peer.network !== network) continue;
      if (network.isUp) this.meet(peer);
      else for (const end of [peer, this.#otherOf(peer)]) end?.missed();
    }
  }

  /** It is in another network now: nothing finds it where it was. */
  moved(network: Network): void {
    for (const peer of this.#peers.values()) {
      if (peer.network === network) this.cut(peer, Number.POSITIVE_INFINITY);
    }
  }

  /** Nothing gets through until then; for good: only new credentials find another way. */
  cut(peer: SimPeer, untilMs: number): void {
    const other = this.#otherOf(peer);
    if (!other) return;
    this.#cut.set(wayOf(peer, other), untilMs);
    for (const end of [peer, other]) end.missed();
    if (Number.isFinite(untilMs)) this.scheduler.after(untilMs - this.scheduler.nowMs + 1, () => this.meet(peer));
  }

  /** They may have found each other. */
  meet(peer: SimPeer): void {
    const other = this.#otherOf(peer);
    if (!other || !this.#isOpen(peer, other)) return;
    const way = wayOf(peer, other);
    this.scheduler.after(this.chance.delay(50, 2_000), () => {
      if (this.#otherOf(peer) !== other || !this.#isOpen(peer, other) || wayOf(peer, other) !== way) return;
      peer.enter('connected');
      other.enter('connected');
    });
  }

  closed(peer: SimPeer): void {
    const other = this.#otherOf(peer);
    this.#peers.delete(peer.id);
    other?.missed();
  }

  /** The one that this one's last descriptions were exchanged with. */
  #otherOf(peer: SimPeer): SimPeer | undefined {
    const other = peer.other === undefined ? undefined : this.#peers.get(peer.other);
    return other?.other === peer.id ? other : undefined;
  }

  #isOpen(peer: SimPeer, other: SimPeer): boolean {
    const agree = peer.knows(other) && other.knows(peer) && peer.network.isUp && other.network.isUp;
    return agree && (this.#cut.get(wayOf(peer, other)) ?? 0) <= this.scheduler.nowMs;
  }
}

function wayOf(a: SimPeer, b: SimPeer): string {
  return a.id < b.id ? `${a.ufrag} ${b.ufrag}` : `${b.ufrag} ${a.ufrag}`;
}

export class SimPeer implements Peer {
  readonly id: number;
  readonly network: Network;
  state: ConnectionState = 'new';
  /** In force. */
  ufrag: number;
  signalingState: 'stable' | 'have-local-offer' | 'have-remote-offer' | 'closed' = 'stable';
  isFresh = true;
  readonly #net: PeerNet;
  readonly #options: PeerOptions;
  #remote: Side | undefined;
  #offered: Side | undefined;
  /** Of our offer, until it is answered. */
  #pendingUfrag: number | undefined;
  #wantsRestart = false;
  #local: Description | undefined;

  constructor(net: PeerNet, options: PeerOptions, network: Network) {
    this.#net = net;
    this.#options = options;
    this.network = network;
    this.id = net.nextId();
    this.ufrag = net.nextId();
    if (options.offerer) this.#needNegotiation();
  }

  get other(): number | undefined {
    return this.#remote?.peer;
  }

  knows(other: SimPeer): boolean {
    return this.#remote?.peer === other.id && this.#remote.ufrag === other.ufrag;
  }

  get localDescription(): Description | undefined {
    return this.#local;
  }

  async setLocalDescription(): Promise<Description> {
    await this.#aMoment();
    const isAnswer = this.signalingState === 'have-remote-offer';
    if (!isAnswer && this.signalingState !== 'stable') throw new Error(`InvalidStateError: ${this.signalingState}`);
    if (isAnswer) {
      const isRestart = this.#remote !== undefined && this.#remote.ufrag !== this.#offered!.ufrag;
      if (this.#wantsRestart || isRestart) this.ufrag = this.#net.nextId();
      this.#wantsRestart = false;
      this.#agree(this.#offered!);
      this.#local = this.#describe('answer', this.ufrag);
    } else {
      this.#pendingUfrag = this.#wantsRestart ? this.#net.nextId() : this.ufrag;
      this.signalingState = 'have-local-offer';
      this.#local = this.#describe('offer', this.#pendingUfrag);
    }
    for (let i = 0; i < CANDIDATES; i++) {
      this.#net.scheduler.after(this.#net.chance.delay(1, 300), () => this.#candidate(i));
    }
    return this.#local;
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await this.#aMoment();
    const side = sideOf(description);
    if (description.type === 'offer') {
      if (this.signalingState === 'have-local-offer') this.#pendingUfrag = undefined;
      else if (this.signalingState !== 'stable') throw new Error(`InvalidStateError: ${this.signalingState}`);
      this.#offered = side;
      this.signalingState = 'have-remote-offer';
      return;
    }
    if (this.signalingState !== 'have-local-offer') throw new Error(`InvalidStateError: ${this.signalingState}`);
    if (this.#pendingUfrag !== this.ufrag) this.#wantsRestart = false;
    this.ufrag = this.#pendingUfrag ?? this.ufrag;
    this.#pendingUfrag = undefined;
    this.#agree(side);
  }

  async addIceCandidate(_candidate: Candidate): Promise<void> {
    if (this.#remote === undefined && this.#offered === undefined) throw new Error('InvalidStateError: no description');
  }

  setMedia(): void {}

  restartIce(): void {
    this.#wantsRestart = true;
    this.#needNegotiation();
  }

  async stats(): Promise<never[]> {
    return [];
  }

  close(): void {
    if (this.signalingState === 'closed') return;
    this.signalingState = 'closed';
    this.#net.closed(this);
  }

  enter(state: Exclude<ConnectionState, 'new'>): void {
    if (this.signalingState === 'closed' || this.state === state) return;
    this.state = state;
    this.#options.events.connection(state);
  }

  /** Nothing comes any more. */
  missed(): void {
    if (this.state !== 'connected') return;
    const { scheduler, chance } = this.#net;
    scheduler.after(chance.delay(100, MISSED_MS), () => {
      // The way may have come back before anybody noticed.
      if (this.state !== 'connected' || this.#net.flows(this)) return;
      this.enter('disconnected');
      scheduler.after(GIVEN_UP_MS, () => {
        if (this.state === 'disconnected') this.enter('failed');
      });
    });
  }

  #agree(remote: Side): void {
    this.#remote = remote;
    this.#offered = undefined;
    this.signalingState = 'stable';
    this.isFresh = false;
    if (this.state === 'new') this.enter('connecting');
    this.#net.meet(this);
    if (this.#wantsRestart) this.#needNegotiation();
  }

  #needNegotiation(): void {
    queueMicrotask(() => {
      if (this.signalingState === 'stable') this.#options.events.negotiationNeeded();
    });
  }

  #candidate(number: number): void {
    if (this.signalingState === 'closed') return;
    const line = `candidate:${number} 1 udp 1 192.0.2.${number} 9 typ relay raddr 0.0.0.0 rport 0`;
    this.#options.events.candidate({ candidate: line, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: null });
  }

  #describe(type: 'offer' | 'answer', ufrag: number): Description {
    return { type, sdp: `v=0\r\ns=${this.id} ${ufrag}\r\n` };
  }

  async #aMoment(): Promise<void> {
    const { scheduler, chance } = this.#net;
    await new Promise<void>((resolve) => scheduler.after(chance.delay(1, 40), resolve));
    if (this.signalingState === 'closed') throw new Error('InvalidStateError: closed');
  }
}

function sideOf({ sdp }: Description): Side {
  const [peer, ufrag] = /s=(\d+) (\d+)/.exec(sdp)!.slice(1).map(Number);
  return { peer: peer!, ufrag: ufrag! };
}
