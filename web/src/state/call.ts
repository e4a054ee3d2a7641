// The call this device is in, one on hold behind it, and the one that knocks.
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
/** On hold while the person is in another. */
export const heldCall = signal<CallView | undefined>(undefined);
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
    const { calls } = carillon();
    heldCall.value = calls.held;
    if (call.phase === 'ended') {
      ended(call);
      return;
    }
    if (calls.held?.callId === call.callId) return;
    if (calls.waiting?.callId === call.callId) {
      waiting.value = call;
      return;
    }
    const before = current.value;
    // What was behind has come to the front before the end of the other could be read.
    if (before?.phase === 'ended' && call.held) notify(before.words, 'info');
    if (before?.callId !== call.callId) minimised.value = false;
    const isNews = before?.phase !== call.phase || isHold(before) !== isHold(call);
    if (isNews && call.phase !== 'ringing-in') announce(call.words);
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

/** In place of the call that the person is in, or beside it. */
export async function acceptCall(call: CallId, video: boolean, holdCurrent = false): Promise<void> {
  await attempt(() => carillon().calls.accept(call, { video, holdCurrent }));
}

export async function setHeld(call: CallId, on: boolean): Promise<void> {
  await attempt(() => carillon().calls.setHeld(call, on));
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

/** Nothing goes: it is held here, or by everybody else in it. */
export function isHold(call: CallView): boolean {
  const joined = call.others.filter(({ state }) => state === 'joined');
  return call.held || (joined.length > 0 && joined.every(({ held }) => held));
}

export function forgetCalls(): void {
  heldCall.value = undefined;
  current.value = undefined;
  waiting.value = undefined;
}
