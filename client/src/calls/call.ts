// Runs one call: keeps the machine's state, drains its events one at a time,
// carries out its effects, and shows every change.
import type { AccountId, Address, CallId, Relayed } from '@carillon/protocol';
import type { CallEndReason, CallView } from '../model.ts';
import type { CallDeps, CallStart } from './callDeps.ts';
import { CallMedia, type OpeningMedia } from './callMedia.ts';
import { CallMessages } from './callMessages.ts';
import { CallMeter, type MeterReading } from './callMeter.ts';
import { recordOf } from './callRecords.ts';
import { CallRequests } from './callRequests.ts';
import { callView, type RemoteState } from './callView.ts';
import { type Call, type CallEffect, type CallEvent, deadlineOf, lostByGlare, step } from './core/callMachine.ts';
import { FINE } from './core/linkState.ts';
import type { Snapshot } from './core/roster.ts';
import type { LocalMedia, StatsEntry } from './engine.ts';
import { PeerSides } from './peerSides.ts';
import { RoomSide } from './roomSide.ts';
import type { SignalingListener } from './signalingClient.ts';

/** A record says when the call was last alive (callRecords.ts); well below the age at which it is given up. */
const REMEMBER_EVERY_MS = 10_000;

export class RunningCall implements SignalingListener {
  readonly #deps: CallDeps;
  readonly #messages: CallMessages;
  readonly #requests: CallRequests;
  readonly #media: CallMedia;
  readonly #peers: PeerSides;
  readonly #room: RoomSide;
  readonly #leave: () => void;
  #call: Call;
  readonly #events: CallEvent[] = [];
  #isDraining = false;
  #receivedSeq: bigint | undefined;
  #meter: CallMeter | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #remote: RemoteState = { peer: undefined, room: new Map(), roomFlows: new Set(), quality: 0, link: FINE };
  #rememberedAtMs = 0;
  #isClosed = false;

  constructor(deps: CallDeps, start: CallStart) {
    this.#deps = deps;
    this.#call = start.call;
    this.#messages = new CallMessages(deps.channel, deps.platform, start.secrets);
    this.#receivedSeq = start.receivedSeq;
    this.#requests = new CallRequests({
      ...{ signaling: deps.signaling, messages: this.#messages },
      call: () => this.#call,
      snapshot: (snapshot) => this.snapshot(snapshot),
      dispatch: (event) => this.dispatch(event),
    });
    this.#media = this.#ownMedia();
    this.#peers = this.#peerSides(start.generation);
    this.#room = this.#roomSide();
    if (start.media) void this.setMedia(start.media);
    this.#leave = deps.signaling.join(this);
    this.#arm();
  }

  get callId(): CallId {
    return this.#call.callId;
  }

  get state(): Call {
    return this.#call;
  }

  get receivedSeq(): bigint | undefined {
    return this.#receivedSeq;
  }

  /** Resolves once signaling has heard, or will not hear, that this device is out. */
  get lastWord(): Promise<void> {
    return this.#requests.lastWord;
  }

  get media(): LocalMedia | undefined {
    return this.#media.now;
  }

  get view(): CallView {
    return callView(this.#call, this.#remote, this.#media.now, this.#deps.contactOf);
  }

  /**
   * What this device sends. The call does not wait for what is still being
   * opened, and fails with it. Resolves when that is decided.
   */
  setMedia(opening: OpeningMedia): Promise<void> {
    return this.#media.use(opening);
  }

  /** Registers the call at signaling, and invites. */
  create(callees: readonly AccountId[], room: boolean): Promise<void> {
    return this.#requests.create(callees, room);
  }

  /** Says at signaling that it rings here. False: it is over. */
  ring(): Promise<boolean> {
    return this.#requests.ring();
  }

  /** Says at signaling that another call is in the way. It ends, and stands as missed. */
  refuseBusy(): Promise<void> {
    return this.#requests.refuseBusy();
  }

  /** Invites more people; the call becomes a group call. @throws ProtocolError */
  invite(accounts: readonly AccountId[]): Promise<void> {
    return this.#requests.invite(accounts);
  }

  // What signaling says.

  snapshot(snapshot: Snapshot): void {
    // Any snapshot proves that the call is attached to this socket.
    this.#receivedSeq ??= 0n;
    this.dispatch({ type: 'snapshot', snapshot });
  }

  ended(reason: CallEndReason, by: string): void {
    this.dispatch({ type: 'ended', reason, by: by === '' ? undefined : (by as AccountId) });
  }

  /** The other device says so itself, by a message, since signaling could not be told: this one tries it too. */
  endedByPeer(by: AccountId): void {
    this.#requests.passOnEnd();
    this.ended('hung-up', by);
  }

  forgotten(): void {
    this.dispatch({ type: 'forgotten' });
  }

  socket(up: boolean): void {
    if (up !== this.#call.socketUp) this.dispatch({ type: 'socket', up });
  }

  relayed(frame: Relayed): void {
    if (this.#receivedSeq !== undefined && frame.seq <= this.#receivedSeq) return;
    this.#receivedSeq = frame.seq;
    this.#peers.receive(frame);
    this.remember();
  }

  /** One event at a time: what an effect brings about waits until its event is done. */
  dispatch(event: CallEvent): void {
    this.#events.push(event);
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#take(next);
    } finally {
      this.#isDraining = false;
    }
  }

  async stats(): Promise<StatsEntry[]> {
    return [...(await this.#peers.stats()), ...(await this.#room.stats())];
  }

  /** The page goes away: everything local ends, the call itself does not. */
  abandon(): void {
    this.#close();
  }

  #take(event: CallEvent): void {
    if (this.#isClosed) return;
    const before = this.#call;
    const { call, effects } = step(before, event, this.#deps.platform.now());
    this.#call = call;
    for (const effect of effects) this.#run(effect);
    if (call === before) return;
    this.#arm();
    this.remember();
    this.#deps.changed(this);
  }

  #run(effect: CallEffect): void {
    switch (effect.type) {
      case 'preconnect':
        void this.#preconnect(effect.device);
        break;
      case 'request-preconnect':
        this.#requests.preconnect();
        break;
      case 'request-accept':
        void this.#requests.accept();
        break;
      case 'request-decline':
        this.#requests.decline(effect.busy);
        break;
      case 'request-hang-up':
        this.#requests.hangUp();
        break;
      case 'request-update':
        this.#requests.update(effect.video, effect.held);
        break;
      case 'hold':
        this.#media.hold(effect.on);
        break;
      case 'mute-peer':
        this.#peers.setMedia(effect.on ? undefined : this.#media.now);
        break;
      case 'open-peer':
        this.#openPeer(effect.device);
        break;
      case 'close-peer':
        this.#peers.close();
        break;
      case 'open-room':
        void this.#openRoom();
        break;
      case 'room-members':
        this.#room.follow(this.#call.participants);
        break;
      case 'record':
        this.#messages.record(this.#call, effect.outcome, effect.durationMs);
        break;
      case 'tell-missed':
        this.#messages.tellMissed(this.#call, effect.accounts);
        break;
      case 'close':
        this.#close();
        break;
      default:
        effect satisfies never;
    }
  }

  /** To a caller who is not accepted only through a relay: not before the person answers may they learn where this device is. */
  async #preconnect(device: Address): Promise<void> {
    const { channel, engine, signaling } = this.#deps;
    const isAccepted = await channel.isAccepted(device.accountId).catch(() => false);
    const mayHide = engine.canLiftRelay && signaling.hasRelay;
    if (this.#call.phase !== 'ringing-in' || !(isAccepted || mayHide)) return;
    this.#peers.preconnect(device, !isAccepted);
  }

  #openPeer(device: Address): void {
    try {
      this.#peers.adopt(device, this.#media.now);
    } catch (error) {
      // The server's ICE servers may be none that this platform takes.
      this.dispatch({ type: 'media-failed', words: wordsOf(error) });
      return;
    }
    this.#startMeter();
  }

  #ownMedia(): CallMedia {
    return new CallMedia({
      opened: (media) => {
        if (!this.#call.peerHeld) this.#peers.setMedia(media);
      },
      changed: () => {
        this.#peers.tellMedia();
        this.dispatch({ type: 'sending', video: this.#media.now?.cameraOn ?? false });
        this.#deps.changed(this);
      },
      failed: (words) => this.dispatch({ type: 'media-failed', words }),
      lacks: (words) => this.#deps.notice({ code: 'call-failed', words }),
    });
  }

  #peerSides(generation: number | undefined): PeerSides {
    const { engine, signaling, notice } = this.#deps;
    const { callId, self, outgoing, video } = this.#call;
    return new PeerSides({
      ...{ callId, self, video, engine, signaling, notice },
      isCaller: outgoing,
      isResumed: generation !== undefined,
      generation: generation ?? 1,
      secretOf: (device) => this.#messages.secretOf(device),
      preconnected: () => this.dispatch({ type: 'preconnected' }),
      connected: () => this.dispatch({ type: 'media-connected', link: 'peer' }),
      lost: () => this.dispatch({ type: 'media-lost', link: 'peer' }),
      remote: (peer) => this.#setRemote({ peer }),
      failed: (words) => this.dispatch({ type: 'media-failed', words }),
      generationChanged: () => {
        this.dispatch({ type: 'media-lost', link: 'peer' });
        this.remember();
      },
    });
  }

  #roomSide(): RoomSide {
    const { channel, platform, engine, signaling, baseUrl, notice } = this.#deps;
    const { callId, self } = this.#call;
    return new RoomSide({
      ...{ callId, channel, platform, engine, signaling, baseUrl, notice },
      self: self.accountId,
      connected: () => this.dispatch({ type: 'media-connected', link: 'room' }),
      lost: () => this.dispatch({ type: 'media-lost', link: 'room' }),
      failed: (words) => this.#roomFailed(words),
      remote: (room) => this.#setRemote({ room }),
      flows: (roomFlows) => {
        this.#setRemote({ roomFlows });
        this.#leavePeerWhenHeard();
      },
    });
  }

  async #openRoom(): Promise<void> {
    const media = await this.#media.ready();
    if (this.#isClosed || !media) return;
    this.#room.open(media, this.#call.participants);
    this.#startMeter();
  }

  /** Two who talk go on peer to peer when the room that others were asked into cannot be had. */
  #roomFailed(words: string): void {
    if (this.#call.links.peer) this.#deps.notice({ code: 'call-failed', words: `Others cannot join: ${words}` });
    else this.dispatch({ type: 'media-failed', words });
  }

  /** Peer to peer goes on until the same person is heard through the SFU. */
  #leavePeerWhenHeard(): void {
    const { peer, participants } = this.#call;
    if (!peer) return;
    const other = participants.find(({ accountId }) => accountId === peer.accountId);
    if (other?.state !== 'joined' || this.#remote.roomFlows.has(other.number)) {
      this.dispatch({ type: 'room-flows' });
    }
  }

  #setRemote(change: Partial<RemoteState>): void {
    this.#remote = { ...this.#remote, ...change };
    this.#deps.changed(this);
  }

  #startMeter(): void {
    this.#meter ??= new CallMeter({
      stats: () => this.stats(),
      scene: () => ({
        room: this.#call.mode === 'room',
        wantsVideo: this.media?.cameraOn === true || this.media?.screenOn === true,
      }),
      now: this.#deps.platform.now,
      target: (target) => this.#peers.limit(target),
      reading: (reading) => this.#onReading(reading),
    });
  }

  #onReading({ quality, speaking, link }: MeterReading): void {
    if (this.#deps.platform.now() - this.#rememberedAtMs > REMEMBER_EVERY_MS) this.remember();
    const before = this.#remote;
    const peer = before.peer && { ...before.peer, speaking: speaking && before.peer.microphoneOn };
    const isNew = quality !== before.quality || link !== before.link || peer?.speaking !== before.peer?.speaking;
    if (isNew) this.#setRemote({ quality, link, peer });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const atMs = deadlineOf(this.#call);
    if (atMs === undefined || this.#isClosed) return;
    const waitMs = Math.max(0, atMs - this.#deps.platform.now());
    this.#timer = setTimeout(() => {
      this.dispatch({ type: 'tick' });
      // A timer may fire a little early; the deadline decides.
      if (this.#call.phase !== 'ended' && deadlineOf(this.#call) === atMs) this.#arm();
    }, waitMs + 1);
  }

  /** What a reloaded page needs to come back; only a call that had media is worth it. */
  remember(): void {
    const call = this.#call;
    if (this.#isClosed || !this.#deps.isCurrent(this)) return;
    const secret = call.peer && this.#messages.secretOf(call.peer);
    const record = recordOf(call, secret, this.#peers.generation, this.#receivedSeq ?? 0n);
    if (!record) return;
    this.#rememberedAtMs = this.#deps.platform.now();
    void this.#deps.records.save(record);
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#messages.close();
    this.#meter?.close();
    this.#peers.close();
    this.#room.close();
    const call = this.#call;
    const report = call.phase === 'ended' && !call.forgotten ? this.#meter?.report : undefined;
    if (report) this.#requests.quality(report);
    if (call.phase === 'ended' && call.by && lostByGlare(call, call.reason, call.by)) {
      this.#deps.lostByGlare(call.by, this.#media.giveAway());
    } else this.#media.close();
    if (this.#call.phase === 'ended') void this.#deps.records.forget(this.callId);
    void this.lastWord.then(() => this.#leave());
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
