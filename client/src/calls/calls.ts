// CallsApi over whatever WebRTC the platform has: at most one call that the
// person is in, one on hold behind it, and one more that rings beside them.
import { type AccountId, addressKey, bytesToBase64url, type CallId, ProtocolError } from '@carillon/protocol';
import type { AcceptOptions, CallOptions, CallsApi, StartOptions } from '../api.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { CallView, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import { RunningCall } from './call.ts';
import type { CallDeps, CallStart } from './callDeps.ts';
import { letGo, type OpeningMedia } from './callMedia.ts';
import { CallPlaces } from './callPlaces.ts';
import { CallRecords, peerAddress } from './callRecords.ts';
import { outgoingCall, resumedCall } from './core/callMachine.ts';
import type { CallEngine, LocalMedia } from './engine.ts';
import { GlareDesk } from './glareDesk.ts';
import { IncomingCalls } from './incomingCalls.ts';
import { KnownContacts } from './knownContacts.ts';
import { PermissionAnswers } from './permissionAnswers.ts';
import { SignalingClient } from './signalingClient.ts';

/** How long signing out waits for the server to take a hang-up; without it the others wait for LIMITS.reconnectMs. */
const LAST_WORD_WAIT_MS = 2_000;

export interface CallsOptions {
  readonly channel: ContentChannel;
  readonly baseUrl: string;
  readonly platform: Platform;
  emit(call: CallView): void;
  notice(notice: Notice): void;
  /** The person's setting: a call may ring beside one that is here. */
  readonly mayWait?: () => boolean;
  readonly engine: CallEngine;
}

export class Calls implements CallsApi {
  readonly #options: CallsOptions;
  readonly #records: CallRecords;
  readonly #signaling: SignalingClient;
  readonly #contacts: KnownContacts;
  readonly #places = new CallPlaces();
  readonly #glare: GlareDesk;
  readonly #incoming: IncomingCalls;
  readonly #permission: PermissionAnswers;
  #starting = false;

  constructor(options: CallsOptions) {
    this.#options = options;
    const { channel, platform, baseUrl } = options;
    this.#records = new CallRecords(platform.store, platform.now);
    this.#signaling = new SignalingClient({ channel, baseUrl, platform });
    this.#contacts = new KnownContacts(channel);
    this.#permission = new PermissionAnswers({ signaling: this.#signaling, now: platform.now });
    this.#glare = new GlareDesk({
      takeOver: (running, media) => {
        if (!this.#places.enter(running)) return false;
        void running.setMedia(media);
        running.dispatch({ type: 'accept' });
        return true;
      },
      show: (running) => this.#incoming.show(running),
    });
    this.#incoming = new IncomingCalls({
      ...{ channel, signaling: this.#signaling, contacts: this.#contacts, places: this.#places, glare: this.#glare },
      now: platform.now,
      isStarting: () => this.#starting,
      mayWait: options.mayWait ?? (() => true),
      run: (start) => this.#run(start),
      rings: (running) => this.#emit(running),
    });
  }

  get current(): CallView | undefined {
    return this.#places.current?.view;
  }

  get held(): CallView | undefined {
    return this.#places.held?.view;
  }

  get waiting(): CallView | undefined {
    return this.#places.waiting?.view;
  }

  async start(to: readonly AccountId[], { video, room = false }: StartOptions): Promise<CallView> {
    if (this.#places.current || this.#starting) {
      throw new ProtocolError('call-state', { words: 'You are already in a call.' });
    }
    if (to.length === 0) throw new ProtocolError('invalid-request');
    const group = room || to.length > 1;
    if (group && !this.#options.engine.openRoom) {
      throw new ProtocolError('call-state', { words: 'Group calls cannot be made on this device.' });
    }
    this.#starting = true;
    try {
      const { platform } = this.#options;
      const [{ opening }] = await Promise.all([this.#openMedia({ video }), this.#contacts.learn(to)]);
      const callId = bytesToBase64url(platform.crypto.randomBytes(16)) as CallId;
      const init = { callId, self: this.#self(), video, group };
      const running = this.#run({ call: outgoingCall(init, to, platform.now()), media: undefined });
      if (!this.#enter(running)) {
        letGo(opening);
        throw new ProtocolError('call-state', { words: 'You are already in a call.' });
      }
      void running.create(to, group);
      await running.setMedia(opening);
      return running.view;
    } finally {
      this.#starting = false;
    }
  }

  async accept(call: CallId, { video, holdCurrent = false }: AcceptOptions): Promise<void> {
    const running = this.#find(call);
    if (running.state.phase !== 'ringing-in') throw new ProtocolError('call-state');
    const { opening } = await this.#openMedia({ video });
    try {
      if (running.state.phase !== 'ringing-in') throw new ProtocolError('call-state', { words: 'The call is over.' });
      if (running === this.#places.waiting) this.#places.answer(holdCurrent);
    } catch (error) {
      letGo(opening);
      throw error;
    }
    const opened = running.setMedia(opening);
    running.dispatch({ type: 'accept' });
    await opened;
  }

  async setHeld(call: CallId, on: boolean): Promise<void> {
    const running = this.#find(call);
    if (running === this.#places.held && !on) this.#places.swap();
    else running.dispatch({ type: 'hold', on });
    for (const each of this.#places.all) this.#emit(each);
  }

  async decline(call: CallId): Promise<void> {
    this.#find(call).dispatch({ type: 'decline', busy: false });
  }

  async hangUp(call: CallId): Promise<void> {
    this.#find(call).dispatch({ type: 'hang-up' });
  }

  async invite(call: CallId, accounts: readonly AccountId[]): Promise<void> {
    if (!this.#options.engine.openRoom) {
      throw new ProtocolError('call-state', { words: 'Group calls cannot be made on this device.' });
    }
    await this.#contacts.learn(accounts);
    await this.#find(call).invite(accounts);
  }

  async setMicrophone(on: boolean): Promise<void> {
    await this.#media().setMicrophone(on);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.#media().setCamera(on);
  }

  async setScreenShare(on: boolean): Promise<void> {
    await this.#media().setScreenShare(on);
  }

  async setInputDevice(kind: 'audioinput' | 'videoinput', deviceId: string): Promise<void> {
    await this.#media().setInputDevice(kind, deviceId);
  }

  async resumable(): Promise<CallId | undefined> {
    return this.#places.current ? undefined : (await this.#records.load())?.callId;
  }

  async resume(call: CallId): Promise<void> {
    const record = await this.#records.load();
    if (record?.callId !== call || this.#places.current || this.#starting) throw new ProtocolError('call-unknown');
    this.#starting = true;
    try {
      const media = await this.#options.engine.openMedia({ video: record.video });
      const { callId, video, mode, outgoing, createdBy, connectedAtMs, peer, generation, receivedSeq } = record;
      const init = { callId, self: this.#self(), video, group: mode === 'room' };
      const running = this.#run({
        call: resumedCall(init, outgoing, createdBy, connectedAtMs, this.#options.platform.now()),
        media,
        secrets: peer ? new Map([[addressKey(peerAddress(peer)), peer.secret]]) : new Map(),
        receivedSeq,
        generation,
      });
      if (!this.#enter(running)) throw new ProtocolError('call-state', { words: 'You are already in a call.' });
    } finally {
      this.#starting = false;
    }
  }

  async stats(): Promise<readonly Record<string, unknown>[]> {
    return (await this.#places.current?.stats()) ?? [];
  }

  needsPermission(invite: ReceivedContent): void {
    void this.#permission.answer(invite);
  }

  async close({ hangUp = false } = {}): Promise<void> {
    this.#incoming.close();
    this.#glare.close();
    const all = [...this.#places.all, this.#glare.ringing].filter((running) => running !== undefined);
    if (hangUp) {
      for (const running of all) running.dispatch({ type: 'hang-up' });
      let timer: ReturnType<typeof setTimeout> | undefined;
      const bound = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_WORD_WAIT_MS);
      });
      await Promise.race([bound, Promise.all(all.map(({ lastWord }) => lastWord))]);
      clearTimeout(timer);
    }
    for (const running of all) running.abandon();
    this.#signaling.close();
  }

  /** Opened at once where the person has allowed it before; else they are asked first, and nobody hears of it. */
  async #openMedia(wanted: CallOptions): Promise<{ readonly opening: OpeningMedia }> {
    const { engine } = this.#options;
    if (!(await engine.mayOpenMedia(wanted))) return { opening: await engine.openMedia(wanted) };
    const opening = engine.openMedia(wanted);
    // Told by the call that it is for.
    opening.catch(() => {});
    return { opening };
  }

  #self() {
    const { accountId, deviceId } = this.#options.channel.account;
    return { accountId, deviceId };
  }

  #find(call: CallId): RunningCall {
    const running = this.#places.find(call);
    if (!running) throw new ProtocolError('call-unknown');
    return running;
  }

  #media(): LocalMedia {
    const media = this.#places.current?.media;
    if (!media) throw new ProtocolError('call-state', { words: 'There is no call at the moment.' });
    return media;
  }

  #run(start: CallStart): RunningCall {
    const { channel, platform, engine, baseUrl, notice } = this.#options;
    const deps: CallDeps = {
      ...{ channel, platform, engine, baseUrl },
      signaling: this.#signaling,
      records: this.#records,
      notice: (words) => notice(words),
      contactOf: (account) => this.#contacts.of(account),
      isCurrent: (running) => running === this.#places.current,
      changed: (running) => this.#changed(running),
      lostByGlare: (account, media) => this.#glare.lose(account, media),
    };
    return new RunningCall(deps, start);
  }

  /** Its own place was free when it began, and may not be any more. */
  #enter(running: RunningCall): boolean {
    if (!this.#places.enter(running)) {
      running.abandon();
      return false;
    }
    for (const each of this.#places.all) this.#emit(each);
    return true;
  }

  #changed(running: RunningCall): void {
    if (running.state.phase === 'ended') this.#incoming.noteOver(running.callId);
    if (!this.#places.has(running)) return;
    void this.#contacts.learn(running.state.participants.map(({ accountId }) => accountId)).then((news) => {
      if (news) this.#emit(running);
    });
    this.#emit(running);
    if (running.state.phase !== 'ended') return;
    const wasCurrent = running === this.#places.current;
    this.#places.leave(running);
    // Ours has ended by itself: theirs, which rang unseen beside it, is a ring like any other.
    const unseen = wasCurrent ? this.#glare.takeRinging() : undefined;
    if (unseen) this.#incoming.show(unseen);
    // It is in another place now.
    for (const each of this.#places.all) {
      if (each !== unseen) this.#emit(each);
    }
    this.#places.current?.remember();
  }

  #emit(running: RunningCall): void {
    this.#options.emit(running.view);
  }
}
