// Runs one call: keeps the machine's state, drains its events one at a time,
// carries out its effects, and shows every change.
import {
  type AccountId,
  type Address,
  addressKey,
  type CallId,
  LIMITS,
  ProtocolError,
  type Relayed,
  CallOutcome as WireOutcome,
} from '@carillon/protocol';
import { socketUrl } from '../connection/origin.ts';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { CallEndReason, CallView, Contact, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { CallRecords } from './callRecords.ts';
import { callView, type RemoteState } from './callView.ts';
import { type Call, type CallEffect, type CallEvent, deadlineOf, lostByGlare, step } from './core/callMachine.ts';
import { joinedOthers, type Snapshot } from './core/roster.ts';
import type { CallEngine, LocalMedia, RemoteMedia, Room, StatsEntry } from './engine.ts';
import { FrameKeys } from './frameKeys.ts';
import { Meter } from './meter.ts';
import { PeerLink } from './peerLink.ts';
import { SealedRelay } from './sealedRelay.ts';
import type { SignalingClient, SignalingListener } from './signalingClient.ts';
import type { Signal } from './signals.ts';

/** Relayed frames kept until the roster says who the peer is. A description and its candidates are about a dozen. */
const EARLY_FRAMES_MAX = 64;

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
  readonly #secrets: Map<string, Uint8Array>;
  readonly #resumed: boolean;
  readonly #keys: FrameKeys;
  readonly #leave: () => void;
  #call: Call;
  #media: LocalMedia | undefined;
  #stopMedia: (() => void) | undefined;
  #receivedSeq: bigint | undefined;
  #generation: number;
  #link: PeerLink | undefined;
  #relay: SealedRelay | undefined;
  #earlyFrames: Relayed[] = [];
  #room: Room | undefined;
  #meter: Meter | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #remote: RemoteState = { peer: undefined, room: new Map(), roomFlows: new Set(), quality: 0 };
  #tamperingTold = false;
  #rememberedAtMs = 0;
  #lastWord: Promise<void> = Promise.resolve();

  constructor(deps: CallDeps, start: CallStart) {
    this.#deps = deps;
    this.#call = start.call;
    this.#secrets = new Map(start.secrets);
    this.#receivedSeq = start.receivedSeq;
    this.#generation = start.generation ?? 1;
    this.#resumed = start.generation !== undefined;
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

  get media(): LocalMedia | undefined {
    return this.#media;
  }

  get view(): CallView {
    return callView(this.#call, this.#remote, this.#media, this.#deps.contactOf);
  }

  setMedia(media: LocalMedia): void {
    this.#media = media;
    this.#stopMedia = media.onChange(() => {
      this.#tellMedia();
      this.#deps.changed(this);
    });
  }

  /** Registers the call at signaling. The invites go out with its answer. */
  async create(callees: readonly AccountId[], room: boolean): Promise<void> {
    const { callId, video } = this.#call;
    try {
      await this.#deps.signaling.online();
      // The offer and the way through the network are made while it rings.
      if (!room && this.#call.phase === 'starting') this.#openLink(true, false);
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
    await this.#sendInvites(accounts);
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
    if (this.#relay) this.#relay.receive(frame);
    else if (this.#earlyFrames.length < EARLY_FRAMES_MAX) this.#earlyFrames.push(frame);
    this.#remember();
  }

  dispatch(event: CallEvent): void {
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
    return [...((await this.#link?.stats()) ?? []), ...((await this.#room?.stats()) ?? [])];
  }

  /** The page goes away: everything local ends, the call itself does not. */
  abandon(): void {
    this.#close();
  }

  #run(effect: CallEffect): void {
    switch (effect.type) {
      case 'send-invites':
        void this.#sendInvites(effect.accounts).catch((error) =>
          this.dispatch({ type: 'media-failed', words: wordsOf(error) }),
        );
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
        this.#closePeer();
        break;
      case 'open-room':
        this.#openRoom();
        break;
      case 'room-members':
        this.#followRoster();
        break;
      case 'record':
        this.#record(effect);
        break;
      case 'tell-missed':
        this.#tellMissed(effect.accounts);
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
      this.snapshot(await this.#deps.signaling.state({ case: 'accept', value: { callId: this.callId } }));
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : undefined;
      if (code === 'answered-elsewhere') this.ended('accepted-elsewhere', this.#call.self.accountId);
      // The server also says why it is over; whichever comes first ends it.
      else if (code === 'call-unknown') this.ended('cancelled', this.#call.createdBy);
      else this.dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  /** One fresh secret for each device, in the envelope that only it can open. */
  async #sendInvites(accounts: readonly AccountId[]): Promise<void> {
    const { channel, platform } = this.#deps;
    const { callId, video, mode, serverRingsUntilMs } = this.#call;
    // By the server's clock, which also drops what comes later; ours may be wrong.
    const expiresAtMs = serverRingsUntilMs || platform.now() + LIMITS.ringMs;
    await Promise.all(
      accounts.map((account) =>
        channel.sendToAccount(
          account,
          (deviceId) => {
            const callSecret = platform.crypto.randomBytes(32);
            this.#secrets.set(addressKey({ accountId: account, deviceId }), callSecret);
            const value = { callId, callSecret, video, expiresAtMs: BigInt(expiresAtMs), group: mode === 'room' };
            return { case: 'callInvite', value };
          },
          { urgent: true, expiresAtMs },
        ),
      ),
    );
  }

  #openPeer(device: Address): void {
    const secret = this.#secrets.get(addressKey(device));
    if (!secret) {
      this.dispatch({ type: 'media-failed', words: 'the other device has no key for this call.' });
      return;
    }
    if (!this.#link) this.#openLink(this.#call.outgoing || this.#resumed, this.#resumed);
    this.#relay = new SealedRelay({
      callId: this.callId,
      secret,
      self: this.#call.self,
      peer: device,
      signaling: this.#deps.signaling,
      signal: (signal) => this.#onSignal(signal),
      tampered: () => this.#tampered(),
    });
    this.#link?.release();
    this.#tellMedia();
    const early = this.#earlyFrames;
    this.#earlyFrames = [];
    for (const frame of early) this.#relay.receive(frame);
  }

  #openLink(offerer: boolean, next: boolean): void {
    if (!this.#media) return;
    if (next) this.#generation++;
    this.#link = new PeerLink({
      engine: this.#deps.engine,
      media: this.#media,
      iceServers: () => this.#deps.signaling.iceServers,
      polite: !this.#call.outgoing,
      offerer,
      generation: this.#generation,
      send: (signal) => this.#relay?.send(signal),
      connected: () => {
        this.#tellMedia();
        this.dispatch({ type: 'media-connected', link: 'peer' });
      },
      lost: () => this.dispatch({ type: 'media-lost', link: 'peer' }),
      remote: (streams) => this.#peerMedia(streams),
      failed: () =>
        this.#deps.notice({ code: 'call-failed', words: 'The other device sent something that this one cannot use.' }),
      generationChanged: (generation) => {
        this.#generation = generation;
        this.dispatch({ type: 'media-lost', link: 'peer' });
        this.#remember();
      },
    });
    this.#startMeter();
  }

  #closePeer(): void {
    this.#link?.close();
    this.#relay?.close();
    this.#link = undefined;
    this.#relay = undefined;
    this.#remote = { ...this.#remote, peer: undefined };
  }

  #openRoom(): void {
    const { engine, channel, platform, signaling, baseUrl, notice } = this.#deps;
    if (!engine.openRoom || !this.#media) {
      this.dispatch({ type: 'media-failed', words: 'group calls cannot be taken on this device.' });
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
          else this.dispatch({ type: 'media-failed', words: words ?? 'the group call server cannot be reached.' });
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

  #onSignal(signal: Signal): void {
    if (signal.type === 'media') {
      const peer = this.#remote.peer ?? { stream: undefined, screen: undefined, speaking: false };
      this.#remoteScreenOn = signal.screen;
      this.#setRemote({
        peer: { ...peer, ...this.#shownStreams(), microphoneOn: signal.microphone, cameraOn: signal.camera },
      });
    } else {
      this.#link?.receive(signal);
    }
  }

  #remoteScreenOn = false;
  #peerStreams: { stream: unknown; screen: unknown } = { stream: undefined, screen: undefined };

  #shownStreams(): Pick<RemoteMedia, 'stream' | 'screen'> {
    return { stream: this.#peerStreams.stream, screen: this.#remoteScreenOn ? this.#peerStreams.screen : undefined };
  }

  #peerMedia(streams: { readonly stream: unknown; readonly screen: unknown }): void {
    this.#peerStreams = streams;
    const flags = this.#remote.peer ?? { microphoneOn: true, cameraOn: this.#call.video, speaking: false };
    this.#setRemote({ peer: { ...flags, ...this.#shownStreams() } });
  }

  #setRemote(change: Partial<RemoteState>): void {
    this.#remote = { ...this.#remote, ...change };
    this.#deps.changed(this);
  }

  #tellMedia(): void {
    const media = this.#media;
    if (!media || !this.#relay) return;
    const { microphoneOn, cameraOn, screenOn } = media;
    this.#relay.send({ type: 'media', microphone: microphoneOn, camera: cameraOn, screen: screenOn });
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

  #tampered(): void {
    if (this.#tamperingTold) return;
    this.#tamperingTold = true;
    this.#deps.notice({
      code: 'media-tampered',
      words: 'Something in this call did not come from the other device, and was ignored.',
    });
  }

  #hangUp(): void {
    const { peer, forgotten } = this.#call;
    const tellByMessage = () => {
      if (!peer) return;
      const value = { callId: this.callId, outcome: WireOutcome.COMPLETED, video: this.#call.video };
      void this.#deps.channel.sendToDevice(peer, { case: 'callLog', value }, { urgent: true }).catch(() => {});
    };
    // A server that lost the call cannot tell the other; an encrypted message can.
    if (forgotten) tellByMessage();
    else this.#say({ case: 'hangUp', value: { callId: this.callId } }, tellByMessage);
  }

  /** A last word: the call is over here whether or not it is heard; only the socket waits for it. */
  #say(body: Parameters<SignalingClient['request']>[0], otherwise?: () => void): void {
    this.#lastWord = this.#deps.signaling.request(body, 'done').then(
      () => {},
      () => otherwise?.(),
    );
  }

  #record({ outcome, durationMs }: CallEffect & { type: 'record' }): void {
    const { callId, outgoing, video, startedAtMs, participants, self, createdBy } = this.#call;
    const others = outgoing
      ? participants.map(({ accountId }) => accountId).filter((accountId) => accountId !== self.accountId)
      : [createdBy];
    for (const other of others) {
      const entry = { with: other, callId, outgoing, outcome, video, startedAtMs, durationMs };
      void this.#deps.channel.recordCall(entry).catch(() => {});
    }
  }

  #tellMissed(accounts: readonly AccountId[]): void {
    const { callId, video, startedAtMs } = this.#call;
    const value = { callId, outcome: WireOutcome.MISSED, video, startedAtMs: BigInt(startedAtMs), durationMs: 0 };
    for (const account of accounts) {
      void this.#deps.channel.sendToAccount(account, () => ({ case: 'callLog', value })).catch(() => {});
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const atMs = deadlineOf(this.#call);
    if (atMs === undefined) return;
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
    const secret = peer && this.#secrets.get(addressKey(peer));
    this.#rememberedAtMs = this.#deps.platform.now();
    void this.#deps.records.save({
      ...{ callId, outgoing, createdBy, video, mode, connectedAtMs },
      ...(peer && secret ? { peer: { ...peer, secret } } : {}),
      generation: this.#generation,
      receivedSeq: this.#receivedSeq ?? 0n,
    });
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#meter?.close();
    this.#stopMedia?.();
    this.#closePeer();
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
