// "You were in a call": the SDK knows the call, this remembers who was in it,
// for the life of the tab.
import type { CallId, CallView } from '@carillon/client';
import { signal } from '@preact/signals';
import { attempt } from './attempt.ts';
import { carillon } from './session.ts';

const KEY = 'call-people';

export interface LeftCall {
  readonly callId: CallId;
  /** Empty when another tab or an earlier start was in the call. */
  readonly people: string;
}

export const leftCall = signal<LeftCall | undefined>(undefined);

export function rememberCall(call: CallView): void {
  const people = call.others.filter(({ state }) => state !== 'left').map(({ contact }) => contact.name);
  sessionStorage.setItem(KEY, JSON.stringify({ callId: call.callId, people: people.join(', ') }));
  if (leftCall.value !== undefined) leftCall.value = undefined;
}

function peopleOf(callId: CallId): string {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    if (kept === null || typeof kept !== 'object' || !('callId' in kept) || !('people' in kept)) return '';
    return kept.callId === callId && typeof kept.people === 'string' ? kept.people : '';
  } catch {
    return '';
  }
}

export async function lookForLeftCall(): Promise<void> {
  const callId = await carillon().calls.resumable();
  if (callId !== undefined) leftCall.value = { callId, people: peopleOf(callId) };
}

export function forgetLeftCall(): void {
  sessionStorage.removeItem(KEY);
  leftCall.value = undefined;
}

export async function rejoin(): Promise<void> {
  const left = leftCall.value;
  if (left === undefined) return;
  leftCall.value = undefined;
  await attempt(() => carillon().calls.resume(left.callId));
}

export async function leaveForGood(): Promise<void> {
  const left = leftCall.value;
  forgetLeftCall();
  if (left !== undefined) await attempt(() => carillon().calls.hangUp(left.callId));
}
