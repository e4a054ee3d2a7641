// Calls without signaling and media: invites go through the real channel, and what
// the calls half is told to do is noted.
import { type AccountId, bytesToBase64url, type CallId } from '@carillon/protocol';
import type { CallsFactory, CallsHalf, StartOptions } from '../../src/api.ts';
import type { CallPhase, CallView } from '../../src/model.ts';
import { noCalls } from '../../src/noCalls.ts';

type Deps = Parameters<CallsFactory>[0];

export class ScriptedCalls implements CallsHalf {
  readonly done: string[] = [];
  /** What a start is refused with. */
  refusal: Error | undefined;
  current: CallView | undefined;
  #deps: Deps | undefined;
  #mode: CallView['mode'] = 'peer';

  readonly factory: CallsFactory = (deps) => {
    this.#deps = deps;
    deps.channel.onContent('callInvite', ({ content }) => {
      if (content.body.case !== 'callInvite') return;
      this.done.push('ring');
      this.show(content.body.value.callId as CallId, 'ringing-in');
    });
    return this;
  };

  get channel(): Deps['channel'] {
    return this.#deps!.channel;
  }

  async start(to: readonly AccountId[], { video, room = false }: StartOptions): Promise<CallView> {
    if (this.refusal) throw this.refusal;
    const callId = bytesToBase64url(crypto.getRandomValues(new Uint8Array(16))) as CallId;
    this.#mode = room ? 'room' : 'peer';
    this.done.push(`start ${this.#mode} ${video ? 'video' : 'voice'}`);
    this.show(callId, 'starting');
    setImmediate(() => {
      this.show(callId, 'ringing-out');
      this.#invite(callId, to).catch(() => {});
    });
    return this.current!;
  }

  async invite(call: CallId, accounts: readonly AccountId[]): Promise<void> {
    this.done.push('invite');
    await this.#invite(call, accounts);
  }

  async accept(call: CallId): Promise<void> {
    this.done.push('accept');
    this.show(call, 'active');
  }

  async hangUp(call: CallId): Promise<void> {
    this.show(call, 'ended');
  }

  /** As signaling would have it. */
  show(callId: CallId, phase: CallPhase): void {
    const call = { ...EMPTY, callId, phase, mode: this.#mode, outgoing: phase === 'starting' };
    this.current = phase === 'ended' ? undefined : call;
    this.#deps?.emit(call);
  }

  readonly held = undefined;
  readonly waiting = undefined;
  readonly setHeld = noCalls('').setHeld;
  readonly decline = this.hangUp;
  readonly setMicrophone = async (on: boolean) => {
    this.done.push(`microphone ${on ? 'on' : 'off'}`);
  };
  readonly setCamera = async (on: boolean) => {
    this.done.push(`camera ${on ? 'on' : 'off'}`);
  };
  readonly setScreenShare = noCalls('').setScreenShare;
  readonly setInputDevice = noCalls('').setInputDevice;
  readonly resumable = async () => undefined;
  readonly resume = noCalls('').resume;
  readonly stats = async () => [];
  readonly needsPermission = noCalls('').needsPermission;
  readonly close = async () => {};

  async #invite(callId: CallId, to: readonly AccountId[]): Promise<void> {
    const expiresAtMs = Date.now() + 60_000;
    const value = { callId, callSecret: new Uint8Array(32), expiresAtMs: BigInt(expiresAtMs) };
    const send = (account: AccountId) =>
      this.channel.sendToAccount(account, () => ({ case: 'callInvite', value }), { urgent: true, expiresAtMs });
    await Promise.all(to.map(send));
  }
}

const EMPTY: CallView = {
  callId: '' as CallId,
  phase: 'starting',
  outgoing: false,
  video: false,
  mode: 'peer',
  others: [],
  local: {
    stream: undefined,
    screen: undefined,
    microphoneOn: true,
    cameraOn: false,
    screenOn: false,
  },
  connectedAtMs: undefined,
  held: false,
  quality: 0,
  linkWords: undefined,
  endReason: undefined,
  words: '',
};
