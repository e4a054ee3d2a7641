// The core's effects as one swap of the store.
import type { Address, CallId } from '@carillon/protocol';
import { type Call, type Effect, isSameDevice, type LiveCall } from '../core/call.ts';
import type { StoredCall, Swap } from '../core/callTable.ts';
import type { ServerFrame } from './delivery.ts';
import type { Seat } from './seats.ts';
import { callStateOf } from './wire.ts';

export function stateFrame(call: LiveCall): ServerFrame {
  return { body: { case: 'state', value: callStateOf(call) } };
}

/** What is to be swapped in; undefined when nothing is. */
export function swapOf(
  callId: CallId,
  stored: StoredCall | undefined,
  call: Call,
  effects: readonly Effect[],
  seat: Seat | undefined,
  { onlyFor }: { readonly onlyFor?: Swap['onlyFor'] },
): Swap | undefined {
  const state: Address[] = [];
  const ended: Swap['told']['ended'][number][] = [];
  const detach: Address[] = [];
  let attach: Swap['attach'];
  let isChanged = false;
  for (const effect of effects) {
    if (effect.type === 'persist') isChanged = true;
    else if (effect.type === 'state') state.push(...effect.to);
    else if (effect.type === 'detach') detach.push(effect.device);
    else if (effect.type === 'ended') {
      ended.push({ to: effect.to, reason: effect.reason, by: effect.by });
      detach.push(effect.to);
    } else if (effect.type === 'attach' && seat && isSameDevice(effect.device, seat.address)) {
      // Also when it is attached: somebody may have taken its place away, and it has not heard of it yet.
      attach = { device: effect.device, seat: seat.name, receivedSeq: effect.receivedSeq };
    }
  }
  if (!isChanged && !attach) return undefined;
  const version = stored?.version ?? 0;
  return {
    callId,
    version,
    call,
    ...(onlyFor ? { onlyFor } : {}),
    ...(attach ? { attach } : {}),
    detach,
    told: { state, ended },
  };
}
