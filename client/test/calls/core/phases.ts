// A call with ana in each of its phases, and what leads there.
import { type AccountId, type Address, type CallId, type DeviceId, LIMITS } from '@carillon/protocol';
import {
  type Call,
  type CallEffect,
  type CallEvent,
  incomingCall,
  outgoingCall,
  step,
} from '../../../src/calls/core/callMachine.ts';
import type { Participant } from '../../../src/calls/core/roster.ts';
import type { CallPhase } from '../../../src/model.ts';

export const NOW = 1_000_000;
export const callId = 'call' as CallId;
export const account = (name: string) => name as AccountId;
export const device = (name: string, id = 1): Address => ({ accountId: account(name), deviceId: id as DeviceId });
export const self = device('me');
export const init = { callId, self, video: false, group: false };

export const member = (name: string, state: Participant['state'], number = 0, id = 1): Participant => ({
  accountId: account(name),
  state,
  device: state === 'joined' ? device(name, id) : undefined,
  ...{ number, video: false, held: false },
});

let revision = 0;
export function snapshot(mode: 'peer' | 'room', ...participants: Participant[]): CallEvent & { type: 'snapshot' } {
  const rest = { video: false, ringsUntilMs: 77 };
  return { type: 'snapshot', snapshot: { callId, revision: ++revision, mode, ...rest, participants } };
}

export const meIn = member('me', 'joined', 1);

export function run(call: Call, events: readonly CallEvent[], now = NOW): { call: Call; effects: CallEffect[] } {
  const effects: CallEffect[] = [];
  for (const event of events) {
    const next = step(call, event, now);
    call = next.call;
    effects.push(...next.effects);
  }
  return { call, effects };
}

export const outgoing = () => outgoingCall(init, [account('ana')], NOW);
export const incoming = () => incomingCall(init, device('ana', 3), NOW + LIMITS.ringMs, NOW);
export const ringing = () => run(outgoing(), [snapshot('peer', meIn, member('ana', 'ringing'))]).call;
export const joined = () => snapshot('peer', meIn, member('ana', 'joined', 2, 3));
export const meLost = () => snapshot('room', member('me', 'left', 1), member('ana', 'joined', 2, 3));
export const inRoom = () => snapshot('room', meIn, member('ana', 'joined', 2, 3));
export const up = (link: 'peer' | 'room' = 'peer'): CallEvent => ({ type: 'media-connected', link });
export const down = (link: 'peer' | 'room' = 'peer'): CallEvent => ({ type: 'media-lost', link });
export const connecting = () => run(ringing(), [joined()]).call;
export const active = () => run(connecting(), [up()]).call;
export const reconnecting = () => run(active(), [down()]).call;

export const FROM: Record<Exclude<CallPhase, 'ended'>, () => Call> = {
  starting: outgoing,
  'ringing-out': ringing,
  'ringing-in': incoming,
  connecting,
  active,
  reconnecting,
};
export const LATE = NOW + 10 * 60_000;
export const sends = (video: boolean): CallEvent => ({ type: 'sending', video });
export const held: CallEvent = { type: 'hold', on: true };
export const ended: CallEvent = { type: 'ended', reason: 'hung-up', by: account('ana') };
export const refused: CallEvent = { type: 'refused', words: 'no.' };
export const failed: CallEvent = { type: 'media-failed', words: 'no.' };
