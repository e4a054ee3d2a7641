// Runs one call: keeps the machine's state, drains its events one at a time,
// carries out its effects, and shows every change.
import { type AccountId, type Address, type CallId, ProtocolError, type Relayed } from '@carillon/protocol';
import { socketUrl } from '../connection/origin.ts';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { CallEndReason, CallView, Contact, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import { CallMessages } from './callMessages.ts';
import type { CallRecords } from './callRecords.ts';
import { callView, type RemoteState } from './callView.ts';
import { type Call, type CallEffect, type CallEvent, deadlineOf, lostByGlare, step } from './core/callMachine.ts';
import { joinedOthers, type Snapshot } from './core/roster.ts';
import type { CallEngine, LocalMedia, Room, StatsEntry } from './engine.ts';
import { FrameKeys } from './frameKeys.ts';
import { Meter } from './meter.ts';
import { PeerSide } from './peerSide.ts';
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
  changed(call: RunningCall): void;
  /** The call ended because the other called too; `media` stays open for theirs. */
  lostByGlare(account: AccountId, media: LocalMedia | undefined): void;
  notice(notice: Notice): void;
}

export interface CallStart {
  readonly call: Call;
  readonly media: LocalMedia | undefined;
  /** Secrets shared with devices, by address: the callee has its caller's, a caller gets its callees' by `sendInvites`. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  readonly receivedSeq?: bigint;
  /** Of the peer link, when the call is taken up again: the next one is ours to offer. */
  readonly generation?: number;
}

export class RunningCall implements SignalingListener {
  readonly #deps: CallDeps;
  readonly #messages: CallMessages;
  readonly #peer: PeerSide;
  readonly #keys: FrameKeys;
  readonly #leave: () => void;
  #call: Call;
  #media: LocalMedia | undefined;
  #stopMedia: (() => void) | undefined;
  #receivedSeq: bigint | undefined;
  #room: Room | undefined;
  #meter: Meter | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #remote: RemoteState = { peer: undefined, room: new Map(), roomFlows: new Set(), quality: 0 };
  #rememberedAtMs = 0;
  #isClosed = false;
  #lastWord: Promise<void> = Promise.resolve();

  constructor(deps: CallDeps, start: CallStart) {
    this.#deps = deps;
    this.#call = start.call;
    this.#messages = new CallMessages(deps.channel, deps.platform, start.secrets);
    this.#receivedSeq = start.receivedSeq;
    this.#peer = this.#peerSide(start.generation);
    this.#keys = new FrameKeys({ callId: start.call.callId, channel: deps.channel, crypto: deps.platform.crypto });
    if (start.media) this.setMedia(start.media);
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

  setMedia(media: LocalMedia): void {
    this.#media = media;
    this.#stopMedia = media.onChange(() => {
      this.#peer.tellMedia();
      this.#deps.changed(this);
    });
  }

  /** Registers the call at signaling. The invites go out with its answer. */
  async create(callees: readonly AccountId[], room: boolean): Promise<void> {
    const { callId, video } = this.#call;
    try {
      await this.#deps.signaling.online();
      // The offer and the way through the network are made while it rings.
      if (!room && this.#media && this.#call.phase === 'starting') this.#peer.prepare(this.#media);
      const value = { callId, calleeAccountIds: [...callees], video, room };
      const snapshot = await this.#deps.signaling.state({ case: 'create', value });
      this.#receivedSeq ??= 0n;
      this.snapshot(snapshot);
    } catch (error) {
      this.dispatch({ type: 'refused', words: wordsOf(error) });
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
    this.#peer.receive(frame);
    this.#remember();
  }

  dispatch(event: CallEvent): void {
    if (this.#isClosed) return;
    const before = this.#call;
    const { call, effects } = step(before, event, this.#deps.platform.now());
    this.#call = call;
    for (const effect of effects) this.#run(effect);
    if (call === before) return;
    this.#arm();
    this.#remember();
    this.#deps.changed(this);
  }

  async stats(): Promise<StatsEntry[]> {
    return [...(await this.#peer.stats()), ...((await this.#room?.stats()) ?? [])];
  }

  /** The page goes away: everything local ends, the call itself does not. */
  abandon(): void {
    this.#close();
  }

  #run(effect: CallEffect): void {
    switch (effect.type) {
      case 'send-invites':
        void this.#messages
          .invite(this.#call, effect.accounts)
          .catch((error) => this.dispatch({ type: 'media-failed', words: wordsOf(error) }));
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
      case 'open-peer':
        this.#openPeer(effect.device);
        break;
      case 'close-peer':
        this.#peer.close();
        break;
      case 'open-room':
        this.#openRoom();
        break;
      case 'room-members':
        this.#followRoster();
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

  #openPeer(device: Address): void {
    const secret = this.#messages.secretOf(device);
    if (!secret || !this.#media) {
      this.dispatch({ type: 'media-failed', words: 'the other device has no key for this call.' });
      return;
    }
    try {
      this.#peer.open(device, secret, this.#media);
    } catch (error) {
      // The server's ICE servers may be none that this platform takes.
      this.dispatch({ type: 'media-failed', words: wordsOf(error) });
      return;
    }
    this.#startMeter();
  }

  #peerSide(generation: number | undefined): PeerSide {
    const { engine, signaling, notice } = this.#deps;
    const { callId, self, outgoing, video } = this.#call;
    return new PeerSide({
      ...{ callId, self, video, engine, signaling },
      isCaller: outgoing,
      isResumed: generation !== undefined,
      generation: generation ?? 1,
      connected: () => this.dispatch({ type: 'media-connected', link: 'peer' }),
      lost: () => this.dispatch({ type: 'media-lost', link: 'peer' }),
      remote: (peer) => this.#setRemote({ peer }),
      notice,
      generationChanged: () => {
        this.dispatch({ type: 'media-lost', link: 'peer' });
        this.#remember();
      },
    });
  }

  #openRoom(): void {
    const { engine, channel, platform, signaling, baseUrl, notice } = this.#deps;
    if (!engine.openRoom || !this.#media) {
      this.#roomFailed('group calls cannot be taken on this device.');
      return;
    }
    this.#room = engine.openRoom({
      callId: this.callId,
      channel,
      platform,
      iceServers: signaling.iceServers,
      media: this.#media,
      keys: this.#keys,
      notice,
      assignment: async () => {
        const room = await signaling.request({ case: 'room', value: { callId: this.callId } }, 'room');
        return { url: socketUrl(baseUrl, room.sfuUrl), ticket: room.ticket };
      },
      events: {
        connection: (state, words) => {
          if (state === 'connected') this.dispatch({ type: 'media-connected', link: 'room' });
          else if (state === 'disconnected') this.dispatch({ type: 'media-lost', link: 'room' });
          else this.#roomFailed(words ?? 'the group call server cannot be reached.');
        },
        remote: (room) => this.#setRemote({ room }),
        flows: (roomFlows) => {
          this.#setRemote({ roomFlows });
          this.#leavePeerWhenHeard();
        },
      },
    });
    this.#startMeter();
  }

  /** Two who talk go on peer to peer when the room that others were asked into cannot be had. */
  #roomFailed(words: string): void {
    if (this.#call.links.peer) this.#deps.notice({ code: 'call-failed', words: `Others cannot join: ${words}` });
    else this.dispatch({ type: 'media-failed', words });
  }

  #followRoster(): void {
    const others = joinedOthers(this.#call.participants, this.#call.self.accountId);
    const self = this.#call.participants.find(({ accountId }) => accountId === this.#call.self.accountId);
    this.#keys.setMembers(self?.number ?? 0, others);
    this.#room?.setMembers(others);
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
    this.#meter ??= new Meter(
      () => this.stats(),
      (quality, speaking) => {
        if (this.#deps.platform.now() - this.#rememberedAtMs > REMEMBER_EVERY_MS) this.#remember();
        const peer = this.#remote.peer && {
          ...this.#remote.peer,
          speaking: speaking && this.#remote.peer.microphoneOn,
        };
        if (quality !== this.#remote.quality || peer?.speaking !== this.#remote.peer?.speaking) {
          this.#setRemote({ quality, peer });
        }
      },
    );
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
  #remember(): void {
    const call = this.#call;
    if (!('connectedAtMs' in call) || call.connectedAtMs === undefined || call.phase === 'ended') return;
    const { callId, outgoing, createdBy, video, mode, connectedAtMs, peer } = call;
    const secret = peer && this.#messages.secretOf(peer);
    this.#rememberedAtMs = this.#deps.platform.now();
    void this.#deps.records.save({
      ...{ callId, outgoing, createdBy, video, mode, connectedAtMs },
      ...(peer && secret ? { peer: { ...peer, secret } } : {}),
      generation: this.#peer.generation,
      receivedSeq: this.#receivedSeq ?? 0n,
    });
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#meter?.close();
    this.#stopMedia?.();
    this.#peer.close();
    this.#room?.close();
    this.#room = undefined;
    this.#keys.close();
    const glare = this.#call.phase === 'ended' && lostByGlare(this.#call, this.#call.reason, this.#call.by);
    if (glare && this.#call.phase === 'ended') this.#deps.lostByGlare(this.#call.by!, this.#media);
    else this.#media?.close();
    this.#media = undefined;
    if (this.#call.phase === 'ended') void this.#deps.records.forget(this.callId);
    void this.#lastWord.then(() => this.#leave());
  }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
