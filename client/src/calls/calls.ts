// CallsApi over whatever WebRTC the platform has: at most one call at a time,
// and one more that rings beside it.
import {
  type AccountId,
  addressKey,
  bytesToBase64url,
  type CallId,
  CallOutcome,
  callIdSchema,
  LIMITS,
  ProtocolError,
} from '@carillon/protocol';
import type { CallOptions, CallsApi, StartOptions } from '../api.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { CallView, Contact, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import { type CallDeps, type OpeningMedia, RunningCall } from './call.ts';
import { CallRecords, peerAddress } from './callRecords.ts';
import { incomingCall, outgoingCall, resumedCall } from './core/callMachine.ts';
import type { CallEngine, LocalMedia } from './engine.ts';
import { SignalingClient } from './signalingClient.ts';

/** Calls whose end is remembered, so that a late invite of one is not rung again. */
const OVER_MAX = 64;
/** How long the microphone of a call lost by glare waits for the other's invite. */
const GLARE_WAIT_MS = 5_000;
/** How long signing out waits for the server to take a hang-up; without it the others wait for LIMITS.reconnectMs. */
const LAST_WORD_WAIT_MS = 2_000;

export interface CallsOptions {
  readonly channel: ContentChannel;
  readonly baseUrl: string;
  readonly platform: Platform;
  emit(call: CallView): void;
  notice(notice: Notice): void;
  readonly engine: CallEngine;
}

export class Calls implements CallsApi {
  readonly #options: CallsOptions;
  readonly #records: CallRecords;
  readonly #signaling: SignalingClient;
  readonly #contacts = new Map<AccountId, Contact>();
  readonly #over = new Set<CallId>();
  readonly #stops: (() => void)[];
  #current: RunningCall | undefined;
  #waiting: RunningCall | undefined;
  #starting = false;
  /** Our own call to this account was lost by glare: theirs is accepted with this media. */
  #glare:
    | {
        readonly account: AccountId;
        readonly media: OpeningMedia | undefined;
        readonly timer: ReturnType<typeof setTimeout>;
      }
    | undefined;
  /** Rings here while our own call to the same account is still up: one of the two will end. */
  #glareRing: RunningCall | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
    const { channel, platform, baseUrl } = options;
    this.#records = new CallRecords(platform.store, platform.now);
    this.#signaling = new SignalingClient({ channel, baseUrl, platform });
    this.#stops = [
      channel.onContent('callInvite', (received) => void this.#onInvite(received)),
      channel.onContent('callLog', (received) => void this.#onLog(received)),
    ];
  }

  get current(): CallView | undefined {
    return this.#current?.view;
  }

  get waiting(): CallView | undefined {
    return this.#waiting?.view;
  }

  async start(to: readonly AccountId[], { video, room = false }: StartOptions): Promise<CallView> {
    if (this.#current || this.#starting) throw new ProtocolError('call-state', { words: 'You are already in a call.' });
    if (to.length === 0) throw new ProtocolError('invalid-request');
    const group = room || to.length > 1;
    if (group && !this.#options.engine.openRoom) {
      throw new ProtocolError('call-state', { words: 'Group calls cannot be made on this device.' });
    }
    this.#starting = true;
    try {
      const { platform } = this.#options;
      const [media] = await Promise.all([this.#openMedia({ video }), this.#learn(to)]);
      const callId = bytesToBase64url(platform.crypto.randomBytes(16)) as CallId;
      const init = { callId, self: this.#self(), video, group };
      const running = this.#run({ call: outgoingCall(init, to, platform.now()), media: undefined });
      this.#current = running;
      this.#emit(running);
      void running.create(to, group);
      await running.setMedia(media.opening);
      return running.view;
    } finally {
      this.#starting = false;
    }
  }

  async accept(call: CallId, { video }: CallOptions): Promise<void> {
    const running = this.#find(call);
    if (running.state.phase !== 'ringing-in') throw new ProtocolError('call-state');
    const { opening } = await this.#openMedia({ video });
    if (running.state.phase !== 'ringing-in') {
      void Promise.resolve(opening).then((media) => media.close());
      throw new ProtocolError('call-state', { words: 'The call is over.' });
    }
    if (running === this.#waiting) this.#current?.dispatch({ type: 'hang-up' });
    const opened = running.setMedia(opening);
    running.dispatch({ type: 'accept' });
    await opened;
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
    await this.#learn(accounts);
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
    return this.#current ? undefined : (await this.#records.load())?.callId;
  }

  async resume(call: CallId): Promise<void> {
    const record = await this.#records.load();
    if (record?.callId !== call || this.#current || this.#starting) throw new ProtocolError('call-unknown');
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
      this.#current = running;
      this.#emit(running);
    } finally {
      this.#starting = false;
    }
  }

  async stats(): Promise<readonly Record<string, unknown>[]> {
    return (await this.#current?.stats()) ?? [];
  }

  async close({ hangUp = false } = {}): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#dropGlare();
    const all = [this.#current, this.#waiting, this.#glareRing].filter((running) => running !== undefined);
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
    const running = [this.#current, this.#waiting].find((each) => each?.callId === call);
    if (!running) throw new ProtocolError('call-unknown');
    return running;
  }

  #media(): LocalMedia {
    const media = this.#current?.media;
    if (!media) throw new ProtocolError('call-state', { words: 'There is no call at the moment.' });
    return media;
  }

  #run(start: ConstructorParameters<typeof RunningCall>[1]): RunningCall {
    const { channel, platform, engine, baseUrl, notice } = this.#options;
    const deps: CallDeps = {
      ...{ channel, platform, engine, baseUrl },
      signaling: this.#signaling,
      records: this.#records,
      notice: (words) => notice(words),
      contactOf: (account) => this.#contactOf(account),
      changed: (running) => this.#changed(running),
      lostByGlare: (account, media) => this.#handOver(account, media),
    };
    return new RunningCall(deps, start);
  }

  #changed(running: RunningCall): void {
    if (running !== this.#current && running !== this.#waiting) return;
    void this.#learn(running.state.participants.map(({ accountId }) => accountId)).then((news) => {
      if (news) this.#emit(running);
    });
    this.#emit(running);
    if (running.state.phase !== 'ended') return;
    this.#remember(running.callId);
    if (running === this.#waiting) this.#waiting = undefined;
    if (running === this.#current) {
      this.#current = this.#waiting;
      this.#waiting = undefined;
    }
  }

  #emit(running: RunningCall): void {
    this.#options.emit(running.view);
  }

  #remember(call: CallId): void {
    this.#over.add(call);
    if (this.#over.size > OVER_MAX) this.#over.delete(this.#over.values().next().value!);
  }

  #contactOf(account: AccountId): Contact {
    return this.#contacts.get(account) ?? ({ accountId: account, handle: '', name: 'Someone' } as unknown as Contact);
  }

  /** Whether any name is new. */
  async #learn(accounts: readonly AccountId[]): Promise<boolean> {
    const unknown = accounts.filter((account) => !this.#contacts.has(account) && account !== this.#self().accountId);
    await Promise.all(
      unknown.map(async (account) => {
        try {
          this.#contacts.set(account, await this.#options.channel.contact(account));
        } catch {
          // Nameless until the directory answers; the next change asks again.
        }
      }),
    );
    return unknown.some((account) => this.#contacts.has(account));
  }

  async #onInvite({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callInvite') return;
    const { callSecret, video, expiresAtMs, group } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success) return;
    // Both by the server's clock. A caller may ask for less time than a ring has, never for more.
    const remainingMs = Math.min(Number(expiresAtMs) - acceptedAtMs, LIMITS.ringMs);
    if (remainingMs <= 0 || callSecret.length !== 32 || this.#over.has(callId)) return;
    if (this.#current?.callId === callId || this.#waiting?.callId === callId) return;
    await this.#learn([from.accountId]);
    if (this.#replaces(from.accountId, from.deviceId)) this.#current?.ended('connection-lost', from.accountId);
    const isGlare = this.#glare?.account === from.accountId || this.#callsOut(from.accountId);
    if (this.#waiting || (this.#starting && !isGlare)) {
      await this.#refuseBusy(callId, from.accountId, video, acceptedAtMs);
      return;
    }
    await this.#ring({ callId, from, callSecret, video, group, remainingMs }, isGlare);
  }

  /** The device that we are in a peer call with calls anew: it has lost that call. */
  #replaces(account: AccountId, device: number): boolean {
    const peer = this.#current?.state.mode === 'peer' ? this.#current.state.peer : undefined;
    return peer?.accountId === account && peer.deviceId === device;
  }

  #callsOut(account: AccountId): boolean {
    const call = this.#current?.state;
    const rings = call?.phase === 'ringing-out' || call?.phase === 'starting';
    return rings === true && call?.mode === 'peer' && call.callees.length === 1 && call.callees[0] === account;
  }

  async #ring(
    invite: {
      readonly callId: CallId;
      readonly from: ReceivedContent['from'];
      readonly callSecret: Uint8Array;
      readonly video: boolean;
      readonly group: boolean;
      readonly remainingMs: number;
    },
    isGlare: boolean,
  ): Promise<void> {
    const { callId, from, callSecret, video, group, remainingMs } = invite;
    const now = this.#options.platform.now();
    const init = { callId, self: this.#self(), video, group };
    const running = this.#run({
      call: incomingCall(init, from, now + remainingMs, now),
      media: undefined,
      secrets: new Map([[addressKey(from), callSecret]]),
    });
    if (!(await running.ring())) {
      // Over before it rang here. The caller's record of it comes as a message.
      running.abandon();
      return;
    }
    if (isGlare && (await this.#acceptByGlare(running, from.accountId))) return;
    if (running.state.phase === 'ended') return;
    // Another invite may have come while this one was announced.
    if (this.#current && this.#waiting) {
      running.dispatch({ type: 'decline', busy: true });
      return;
    }
    if (this.#current) this.#waiting = running;
    else this.#current = running;
    this.#emit(running);
  }

  /** True when the other's call takes the place of ours, now or as soon as ours has ended. */
  async #acceptByGlare(running: RunningCall, account: AccountId): Promise<boolean> {
    if (this.#glare?.account === account) {
      this.#takeOver(running);
      return true;
    }
    if (!this.#callsOut(account)) return false;
    this.#glareRing = running;
    return true;
  }

  /** Our call lost by glare; its microphone is already open and goes on into theirs. */
  #handOver(account: AccountId, media: OpeningMedia | undefined): void {
    this.#dropGlare();
    const timer = setTimeout(() => this.#dropGlare(), GLARE_WAIT_MS);
    this.#glare = { account, media, timer };
    const running = this.#glareRing;
    this.#glareRing = undefined;
    // After the present dispatch: the lost call still has to leave its place.
    if (running) queueMicrotask(() => this.#takeOver(running));
  }

  #takeOver(running: RunningCall): void {
    const media = this.#glare?.media;
    if (running.state.phase !== 'ringing-in' || !media) return;
    clearTimeout(this.#glare?.timer);
    this.#glare = undefined;
    this.#current = running;
    void running.setMedia(media);
    running.dispatch({ type: 'accept' });
  }

  #dropGlare(): void {
    clearTimeout(this.#glare?.timer);
    void Promise.resolve(this.#glare?.media).then(
      (media) => media?.close(),
      () => {},
    );
    this.#glare = undefined;
  }

  async #refuseBusy(callId: CallId, from: AccountId, video: boolean, startedAtMs: number): Promise<void> {
    const { channel } = this.#options;
    this.#remember(callId);
    const body = { case: 'decline', value: { callId, busy: true } } as const;
    await this.#signaling.requestInvited(body, 'done').catch(() => {});
    const entry = {
      with: from,
      callId,
      outgoing: false,
      outcome: 'missed',
      video,
      startedAtMs,
      durationMs: 0,
    } as const;
    await channel.recordCall(entry).catch(() => {});
  }

  /** The other device says how a call ended, by a message that needs no signaling. */
  async #onLog({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callLog') return;
    const { outcome, video, durationMs } = content.body.value;
    const callId = content.body.value.callId as CallId;
    const running = [this.#current, this.#waiting].find((each) => each?.callId === callId);
    if (running?.state.participants.some(({ accountId }) => accountId === from.accountId)) {
      const isPeer = running.state.peer?.accountId === from.accountId && running.state.mode === 'peer';
      if (running.state.phase === 'ringing-in') running.ended('expired', from.accountId);
      else if (isPeer && outcome === CallOutcome.COMPLETED) running.ended('hung-up', from.accountId);
      return;
    }
    if (outcome !== CallOutcome.MISSED || this.#over.has(callId)) return;
    const entry = { with: from.accountId, callId, outgoing: false, outcome: 'missed', video, durationMs } as const;
    await this.#options.channel.recordCall({ ...entry, startedAtMs: acceptedAtMs }).catch(() => {});
  }
}
