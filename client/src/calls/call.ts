// Runs one call: keeps the machine's state, drains its events one at a time,
// carries out its effects, and shows every change.
import { type AccountId, type Address, type CallId, ProtocolError, type Relayed } from '@carillon/protocol';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { CallEndReason, CallView, Contact, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import { CallMessages } from './callMessages.ts';
import { CallMeter, type MeterReading } from './callMeter.ts';
import type { CallRecords } from './callRecords.ts';
import { callView, type RemoteState } from './callView.ts';
import { type Call, type CallEffect, type CallEvent, deadlineOf, lostByGlare, step } from './core/callMachine.ts';
import { FINE } from './core/linkState.ts';
import { type Snapshot, snapshotOf } from './core/roster.ts';
import type { CallEngine, IceServer, LocalMedia, StatsEntry } from './engine.ts';
import { PeerSides } from './peerSides.ts';
import { qualityFrame } from './qualityFrame.ts';
import { RoomSide } from './roomSide.ts';
import type { SignalingClient, SignalingListener } from './signalingClient.ts';

/** A record says when the call was last alive (callRecords.ts); well below the age at which it is given up. */
const REMEMBER_EVERY_MS = 10_000;

export interface CallDeps {
  readonly channel: ContentChannel;
  readonly platform: Platform;
  readonly signaling: SignalingClient;
  readonly engine: CallEngine;
  readonly records: CallRecords;
  readonly baseUrl: string;
  contactOf(account: AccountId): Contact;
  /** The person is in it: what a reloaded page comes back to. */
  isCurrent(call: RunningCall): boolean;
  changed(call: RunningCall): void;
  /** The call ended because the other called too; `media` stays open for theirs. */
  lostByGlare(account: AccountId, media: OpeningMedia | undefined): void;
  notice(notice: Notice): void;
}

/** Of a call that need not wait for the microphone. */
export type OpeningMedia = LocalMedia | Promise<LocalMedia>;

export interface CallStart {
  readonly call: Call;
  readonly media: OpeningMedia | undefined;
  /** Secrets shared with devices, by address: the callee has its caller's, a caller gets its callees' by `sendInvites`. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  readonly receivedSeq?: bigint;
  /** Of the peer link, when the call is taken up again: the next one is ours to offer. */
  readonly generation?: number;
}

export class RunningCall implements SignalingListener {
  readonly #deps: CallDeps;
  readonly #messages: CallMessages;
  readonly #peers: PeerSides;
  readonly #room: RoomSide;
  readonly #leave: () => void;
  #call: Call;
  readonly #events: CallEvent[] = [];
  #isDraining = false;
  #media: LocalMedia | undefined;
  /** What `#media` is, or will be. */
  #opening: OpeningMedia | undefined;
  #stopMedia: (() => void) | undefined;
  #receivedSeq: bigint | undefined;
  #meter: CallMeter | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #remote: RemoteState = { peer: undefined, room: new Map(), roomFlows: new Set(), quality: 0, link: FINE };
  #rememberedAtMs = 0;
  #isClosed = false;
  #lastWord: Promise<void> = Promise.resolve();

  constructor(deps: CallDeps, start: CallStart) {
    this.#deps = deps;
    this.#call = start.call;
    this.#messages = new CallMessages(deps.channel, deps.platform, start.secrets);
    this.#receivedSeq = start.receivedSeq;
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
    return this.#lastWord;
  }

  get media(): LocalMedia | undefined {
    return this.#media;
  }

  get view(): CallView {
    return callView(this.#call, this.#remote, this.#media, this.#deps.contactOf);
  }

  /**
   * What this device sends. The call does not wait for what is still being
   * opened, and fails with it. Resolves when that is decided.
   */
  async setMedia(opening: OpeningMedia): Promise<void> {
    this.#opening = opening;
    try {
      const media = opening instanceof Promise ? await opening : opening;
      if (this.#opening !== opening) return;
      if (this.#isClosed) media.close();
      else this.#useMedia(media);
    } catch (error) {
      if (this.#opening === opening) this.dispatch({ type: 'media-failed', words: wordsOf(error) });
    }
  }

  /**
   * Registers the call at signaling. The invites go out at the same moment: the
   * callee's devices ring again until signaling knows of the call.
   */
  async create(callees: readonly AccountId[], room: boolean): Promise<void> {
    const { callId, video } = this.#call;
    this.#messages
      .invite(this.#call, callees)
      .catch((error) => this.dispatch({ type: 'media-failed', words: wordsOf(error) }));
    try {
      const value = { callId, calleeAccountIds: [...callees], video, room };
      this.snapshot(await this.#deps.signaling.state({ case: 'create', value }, { early: true }));
    } catch (error) {
      this.dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  /** Says at signaling that it rings here. False: it was over before. */
  async ring(): Promise<boolean> {
    try {
      const { signaling } = this.#deps;
      const body = { case: 'ring', value: { callId: this.callId } } as const;
      const isWanted = () => this.#call.phase === 'ringing-in';
      this.snapshot(snapshotOf(await signaling.requestInvited(body, 'state', isWanted)));
      return true;
    } catch {
      return false;
    }
  }

  /** Invites more people; the call becomes a group call. @throws ProtocolError */
  async invite(accounts: readonly AccountId[]): Promise<void> {
    const value = { callId: this.callId, accountIds: [...accounts] };
    const snapshot = await this.#deps.signaling.state({ case: 'invite', value });
    this.snapshot(snapshot);
    await this.#messages.invite(this.#call, accounts);
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

  #useMedia(media: LocalMedia): void {
    this.#media = media;
    this.#stopMedia = media.onChange(() => this.#mediaChanged());
    if (!this.#call.peerHeld) this.#peers.setMedia(media);
    if (this.#call.held) this.#hold(true);
    this.#mediaChanged();
  }

  #mediaChanged(): void {
    this.#peers.tellMedia();
    this.dispatch({ type: 'sending', video: this.#media?.cameraOn ?? false });
    this.#deps.changed(this);
  }

  #hold(on: boolean): void {
    this.#media?.setHeld(on).catch((error) => this.#deps.notice({ code: 'call-failed', words: wordsOf(error) }));
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
        this.#deps.signaling.request({ case: 'preconnect', value: { callId: this.callId } }, 'done').catch(() => {});
        break;
      case 'request-accept':
        void this.#accept();
        break;
      case 'request-decline':
        this.#say({ case: 'decline', value: { callId: this.callId, busy: effect.busy } });
        break;
      case 'request-hang-up':
        this.#hangUp();
        break;
      case 'request-update':
        this.#deps.signaling
          .request({ case: 'update', value: { callId: this.callId, video: effect.video, held: effect.held } }, 'state')
          .then(
            (state) => this.snapshot(snapshotOf(state)),
            // The roster's next news shows that it was lost, and it is said again.
            () => {},
          );
        break;
      case 'hold':
        this.#hold(effect.on);
        break;
      case 'mute-peer':
        this.#peers.setMedia(effect.on ? undefined : this.#media);
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

  async #accept(): Promise<void> {
    try {
      const snapshot = await this.#deps.signaling.state({ case: 'accept', value: { callId: this.callId } });
      // Granted, though another device's no had ended it here meanwhile: nobody is to wait for this one.
      if (this.#call.phase === 'ended') this.#say({ case: 'hangUp', value: { callId: this.callId } });
      else this.snapshot(snapshot);
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : undefined;
      if (code === 'answered-elsewhere') this.ended('accepted-elsewhere', this.#call.self.accountId);
      // The server also says why it is over; whichever comes first ends it.
      else if (code === 'call-unknown') this.ended('cancelled', this.#call.createdBy);
      else this.dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  /** To a caller who is not accepted only through a relay: not before the person answers may they learn where this device is. */
  async #preconnect(device: Address): Promise<void> {
    const { channel, engine, signaling } = this.#deps;
    const isAccepted = await channel.isAccepted(device.accountId).catch(() => false);
    const mayHide = engine.canLiftRelay && signaling.iceServers.some(isRelay);
    if (this.#call.phase !== 'ringing-in' || !(isAccepted || mayHide)) return;
    this.#peers.preconnect(device, !isAccepted);
  }

  #openPeer(device: Address): void {
    try {
      this.#peers.adopt(device, this.#media);
    } catch (error) {
      // The server's ICE servers may be none that this platform takes.
      this.dispatch({ type: 'media-failed', words: wordsOf(error) });
      return;
    }
    this.#startMeter();
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
    // Whatever became of it is seen to by `setMedia`.
    const media = await Promise.resolve(this.#opening).catch(() => undefined);
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
        wantsVideo: this.#media?.cameraOn === true || this.#media?.screenOn === true,
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

  /** Said once it is over, beside the last word. */
  #sayQuality(): void {
    const report = this.#call.phase === 'ended' && !this.#call.forgotten ? this.#meter?.report : undefined;
    if (!report) return;
    const body = { case: 'qualityReport', value: qualityFrame(this.callId, report) } as const;
    const said = this.#deps.signaling.request(body, 'done').catch(() => {});
    this.#lastWord = Promise.all([this.#lastWord, said]).then(() => {});
  }

  #hangUp(): void {
    const call = this.#call;
    // A server that lost the call cannot tell the other; an encrypted message can.
    if (call.forgotten) this.#messages.tellOver(call);
    else this.#say({ case: 'hangUp', value: { callId: call.callId } }, () => this.#messages.tellOver(call));
  }

  /** A last word: the call is over here whether or not it is heard; only the socket waits for it. */
  #say(body: Parameters<SignalingClient['request']>[0], otherwise?: () => void): void {
    this.#lastWord = this.#deps.signaling.request(body, 'done').then(
      () => {},
      () => otherwise?.(),
    );
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
    if (!('connectedAtMs' in call) || call.connectedAtMs === undefined || call.phase === 'ended') return;
    const { callId, outgoing, createdBy, video, mode, connectedAtMs, peer } = call;
    const secret = peer && this.#messages.secretOf(peer);
    this.#rememberedAtMs = this.#deps.platform.now();
    void this.#deps.records.save({
      ...{ callId, outgoing, createdBy, video, mode, connectedAtMs },
      ...(peer && secret ? { peer: { ...peer, secret } } : {}),
      generation: this.#peers.generation,
      receivedSeq: this.#receivedSeq ?? 0n,
    });
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#meter?.close();
    this.#sayQuality();
    this.#stopMedia?.();
    this.#peers.close();
    this.#room.close();
    const glare = this.#call.phase === 'ended' && lostByGlare(this.#call, this.#call.reason, this.#call.by);
    const opening = this.#opening;
    if (glare && this.#call.phase === 'ended') {
      // It goes on into the other's call, even if it is not open yet.
      this.#opening = undefined;
      this.#deps.lostByGlare(this.#call.by!, opening);
    } else this.#media?.close();
    this.#media = undefined;
    if (this.#call.phase === 'ended') void this.#deps.records.forget(this.callId);
    void this.#lastWord.then(() => this.#leave());
  }
}

const isRelay = ({ urls }: IceServer): boolean => urls.some((url) => /^turns?:/.test(url));

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
