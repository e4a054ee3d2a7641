// The call this device is in, and the one that knocks while in it.
import type { AccountId, CallId, CallView } from '@carillon/client';
import { batch, computed, signal } from '@preact/signals';
import { endWords } from '../words/call.ts';
import { announce } from './announcer.ts';
import { attempt } from './attempt.ts';
import { isLetIn } from './callLinks.ts';
import { forgetLeftCall, rememberCall } from './leftCall.ts';
import { notify } from './notices.ts';
import { carillon } from './session.ts';

/** How long the screen of an ended call stays, with the reason. */
const ENDED_MS = 2_500;

const current = signal<CallView | undefined>(undefined);
const waiting = signal<CallView | undefined>(undefined);
/** Set by the person: the call goes on in a bar, so that chats can be read. */
export const minimised = signal(false);

const ringing = (call: CallView | undefined) => (call?.phase === 'ringing-in' ? call : undefined);
const asking = (call: CallView | undefined) => (call === undefined || isLetIn(call.callId) ? undefined : ringing(call));

/** The call on the call screen; a call that rings here is not on it yet. */
export const shownCall = computed(() => (ringing(current.value) === undefined ? current.value : undefined));
/** The call on the incoming-call sheet. */
export const incomingCall = computed(() => asking(current.value) ?? asking(waiting.value));
export const liveCall = computed(() => (shownCall.value?.phase === 'ended' ? undefined : shownCall.value));

export function peopleIn(call: CallView): string {
  const names = call.others.filter(({ state }) => state !== 'left').map(({ contact }) => contact.name);
  const all = names.length > 0 ? names : call.others.map(({ contact }) => contact.name);
  if (all.length <= 2) return all.join(' and ');
  return `${all.slice(0, 2).join(', ')} and ${all.length - 2} more`;
}

function ended(call: CallView): void {
  const wasRinging = call.callId === incomingCall.value?.callId;
  const words = call.words || `${peopleIn(call)}: ${endWords(call.endReason)}`;
  announce(words);
  if (call.callId === waiting.value?.callId) waiting.value = undefined;
  if (call.callId !== current.value?.callId) return;
  forgetLeftCall();
  if (wasRinging || minimised.value) {
    if (call.endReason !== 'declined') notify(words, call.endReason === 'failed' ? 'problem' : 'info');
    current.value = undefined;
    return;
  }
  current.value = call;
  setTimeout(() => {
    if (current.value?.callId === call.callId && current.value.phase === 'ended') current.value = undefined;
  }, ENDED_MS);
}

export function callChanged(call: CallView): void {
  batch(() => {
    if (call.phase === 'ended') {
      ended(call);
      return;
    }
    if (carillon().calls.waiting?.callId === call.callId) {
      waiting.value = call;
      return;
    }
    const before = current.value;
    if (before?.callId !== call.callId) minimised.value = false;
    if (before?.phase !== call.phase && call.phase !== 'ringing-in') announce(call.words);
    if (waiting.value?.callId === call.callId) waiting.value = undefined;
    current.value = call;
    if (call.phase === 'active' || call.phase === 'reconnecting') rememberCall(call);
  });
}

export async function startCall(to: readonly AccountId[], video: boolean): Promise<void> {
  if (liveCall.value !== undefined) {
    notify('You are in a call. End it first, or add the person to it.', 'problem');
    return;
  }
  await attempt(() => carillon().calls.start(to, { video }));
}

export async function acceptCall(call: CallId, video: boolean): Promise<void> {
  await attempt(async () => {
    const running = liveCall.value;
    if (running !== undefined && running.callId !== call) await carillon().calls.hangUp(running.callId);
    await carillon().calls.accept(call, { video });
  });
}

export async function declineCall(call: CallId): Promise<void> {
  await attempt(() => carillon().calls.decline(call));
}

export async function hangUp(): Promise<void> {
  const call = current.value;
  if (call === undefined) return;
  if (call.phase === 'ended') current.value = undefined;
  else await attempt(() => carillon().calls.hangUp(call.callId));
}

export function forgetCalls(): void {
  current.value = undefined;
  waiting.value = undefined;
}
