// Accounts and calls for the core's tests.
import type { AccountId, Address, CallId, DeviceId } from '@carillon/protocol';
import type { Bounds, Call, CallEvent, Effect, LiveCall, OwnEvent } from '../../src/core/call.ts';
import { step } from '../../src/core/step.ts';

export const bounds: Bounds = { ringMs: 60_000, reconnectMs: 30_000, endedKeptMs: 120_000, participantsMax: 8 };
export const callId = 'call' as CallId;
export const account = (name: string) => name as AccountId;
export const device = (name: string, id = 1): Address => ({ accountId: account(name), deviceId: id as DeviceId });

/** Plays events one after another; a refusal throws its code. */
export class Play {
  call: Call | undefined;
  effects: readonly Effect[] = [];
  nowMs = 1_000_000;

  do(event: CallEvent): this {
    const result = step(this.call, event, this.nowMs, bounds);
    this.effects = result.effects;
    if ('refusal' in result) throw new Error(result.refusal);
    this.call = result.call;
    return this;
  }

  create(callees: readonly string[], { room = false } = {}): this {
    const by = device('alice');
    return this.do({ type: 'create', by, callId, callees: callees.map(account), video: false, room });
  }

  ask(type: OwnEvent | 'socket_lost', who: string, id = 1): this {
    return this.do({ type, by: device(who, id) });
  }

  update(who: string, { video = false, held = false }, id = 1): this {
    return this.do({ type: 'update', by: device(who, id), video, held });
  }

  attach(who: string, id = 1): this {
    return this.do({ type: 'attach', by: device(who, id), receivedSeq: 0n });
  }

  invite(by: string, ...names: string[]): this {
    return this.do({ type: 'invite', by: device(by), accounts: names.map(account) });
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this.call?.phase === 'live' ? this.do({ type: 'tick' }) : this;
  }

  get live(): LiveCall {
    if (this.call?.phase !== 'live') throw new Error(`the call is ${this.call?.phase ?? 'forgotten'}`);
    return this.call;
  }

  /** `alice joined 1, bob ringing 0` */
  get roster(): string {
    return this.live.participants.map((p) => `${p.accountId} ${p.state} ${p.number}`).join(', ');
  }

  /** `alice.1 declined by bob` for each device told now that it is over. */
  get told(): string[] {
    return this.effects
      .filter((effect) => effect.type === 'ended')
      .map(({ to, reason, by }) => `${to.accountId}.${to.deviceId} ${reason} by ${by}`);
  }

  /** `alice declined` for each account of the ended call. */
  get endings(): string {
    if (this.call?.phase !== 'ended') throw new Error('the call has not ended');
    return this.call.endings.map(({ accountId, reason }) => `${accountId} ${reason}`).join(', ');
  }
}
