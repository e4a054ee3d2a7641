// When a sleeping device is woken.
//
// The theory. Every envelope that goes into the queue of a device which is not
// connected asks for a wake-up. What is pushed is only "come and look", so one
// push serves for everything that waits, and a push is right only if, at the
// moment of pushing, the device is still away and something still waits: hence
// `checking`, which looks, between every decision and its push.
//
// - A push serves for all that was queued before it: a wish that is older than the
//   last push is fulfilled, however late it is heard of.
// - An urgent wish (a call) is looked into at once. A second one that came after
//   the push of the first waits for as long as a device needs to come and fetch;
//   if it came, nothing is left to wake it for. Urgent pushes are bounded for each
//   device: past the bound a wish counts as ordinary, so that no stranger can make
//   a phone ring without end.
// - Ordinary wishes wait a moment, since a device that merely lost its socket is
//   back by then, and no device is woken by them more often than once in a while.
// - A push that the service did not take is repeated, later and later, a bounded
//   number of times, not before the service wishes it, and never past the end of
//   what it is for.
import type { PushServiceName, PushTarget } from '../../core/messagingStore.ts';
import type { PushOutcome, Wake } from './pushSender.ts';
import { backoffMs } from './retryAfter.ts';
import { choosePushTarget } from './targets.ts';

export interface WakeRules {
  /** Between two ordinary wake-ups of a device. More spares its battery, and delays what came after the last one. */
  readonly ordinaryEveryMs: number;
  /** An ordinary wish waits so long for the device to come back by itself. */
  readonly ordinaryDelayMs: number;
  /** A push service keeps a wake-up at least so long for a device that is off. */
  readonly ordinaryLifeMs: number;
  /** Between two urgent pushes: time to start the app and fetch. */
  readonly urgentEveryMs: number;
  /** Urgent pushes of a device in `urgentWindowMs`. */
  readonly urgentMax: number;
  readonly urgentWindowMs: number;
  readonly attemptsMax: number;
  readonly urgentBackoff: { readonly firstMs: number; readonly maxMs: number };
  readonly ordinaryBackoff: { readonly firstMs: number; readonly maxMs: number };
  /** A service that wants more than this is not waited for: the device is not forgotten, the next envelope asks again. */
  readonly retryAfterMaxMs: number;
}

export const WAKE_RULES: WakeRules = {
  ordinaryEveryMs: 30_000,
  ordinaryDelayMs: 1_000,
  ordinaryLifeMs: 24 * 3600_000,
  urgentEveryMs: 3_000,
  urgentMax: 6,
  urgentWindowMs: 60_000,
  attemptsMax: 6,
  urgentBackoff: { firstMs: 500, maxMs: 8_000 },
  ordinaryBackoff: { firstMs: 2_000, maxMs: 120_000 },
  retryAfterMaxMs: 3600_000,
};

/** An envelope's, queued at `atMs`. */
export interface Wish extends Wake {
  readonly atMs: number;
}

interface History {
  readonly ordinaryAtMs: number;
  /** Of the current window. */
  readonly urgentAtMs: readonly number[];
}

/** `next`: what was wished while this was under way. */
export type WakeState = { readonly history: History } & (
  | { readonly phase: 'resting' }
  | { readonly phase: 'delayed'; readonly wish: Wish; readonly atMs: number; readonly repeat: number }
  | {
      readonly phase: 'checking';
      readonly wish: Wish;
      readonly repeat: number;
      readonly tried: readonly PushServiceName[];
      readonly next: Wish | undefined;
    }
  | {
      readonly phase: 'pushing';
      readonly wish: Wish;
      readonly repeat: number;
      readonly tried: readonly PushServiceName[];
      readonly target: PushTarget;
      readonly next: Wish | undefined;
    }
);

export type WakeEvent =
  | { readonly type: 'wished'; readonly wish: Wish }
  | {
      readonly type: 'checked';
      readonly connected: boolean;
      readonly urgentWaits: boolean;
      readonly ordinaryWaits: boolean;
      readonly targets: readonly PushTarget[];
    }
  /** Another node has pushed to the device at that time: this one is not to be made now. */
  | { readonly type: 'pushed-elsewhere'; readonly atMs: number }
  /** `random` in [0, 1). */
  | { readonly type: 'answered'; readonly outcome: PushOutcome; readonly random: number }
  | { readonly type: 'tick' };

export type WakeEnd = 'sent' | 'unneeded' | 'no-target' | 'expired' | 'refused' | 'gave-up';

export type WakeEffect =
  | { readonly type: 'check' }
  /** `isFirst`: no repeat, and no other target after one that was gone. */
  | { readonly type: 'push'; readonly target: PushTarget; readonly wake: Wake; readonly isFirst: boolean }
  | { readonly type: 'drop-token'; readonly target: PushTarget }
  | { readonly type: 'timer'; readonly atMs: number }
  | { readonly type: 'end'; readonly end: WakeEnd; readonly urgent: boolean };

export interface WakeStep {
  readonly state: WakeState;
  readonly effects: readonly WakeEffect[];
}

type Under = 'checking' | 'pushing';
type StateOf<Phase extends WakeState['phase']> = Extract<WakeState, { phase: Phase }>;

export const RESTING: WakeState = {
  phase: 'resting',
  history: { ordinaryAtMs: Number.NEGATIVE_INFINITY, urgentAtMs: [] },
};

export function stepWake(state: WakeState, event: WakeEvent, nowMs: number, rules: WakeRules): WakeStep {
  switch (event.type) {
    case 'wished':
      return wished(state, event.wish, nowMs, rules);
    case 'checked':
      return state.phase === 'checking' ? checked(state, event, nowMs, rules) : { state, effects: [] };
    case 'answered':
      return state.phase === 'pushing' ? answered(state, event, nowMs, rules) : { state, effects: [] };
    case 'pushed-elsewhere':
      return state.phase === 'pushing' ? pushedElsewhere(state, event.atMs, nowMs, rules) : { state, effects: [] };
    case 'tick': {
      if (state.phase !== 'delayed') return { state, effects: [] };
      if (nowMs < state.atMs) return { state, effects: [{ type: 'timer', atMs: state.atMs }] };
      return check(state.history, state.wish, state.repeat);
    }
    default:
      return event satisfies never;
  }
}

/** Nothing is known of the device that a fresh state would not say as well. */
export function isForgettable({ phase, history }: WakeState, nowMs: number, rules: WakeRules): boolean {
  return (
    phase === 'resting' &&
    history.ordinaryAtMs <= nowMs - rules.ordinaryEveryMs &&
    history.urgentAtMs.every((atMs) => atMs <= nowMs - rules.urgentWindowMs)
  );
}

function wished(state: WakeState, asked: Wish, nowMs: number, rules: WakeRules): WakeStep {
  const { history } = state;
  if (isFulfilled(history, asked)) return { state, effects: [] };
  const wish = mayBeUrgent(history, nowMs, rules) ? asked : { ...asked, urgent: false };
  switch (state.phase) {
    case 'resting':
      return begin(history, wish, nowMs, rules);
    case 'delayed': {
      const both = merged(state.wish, wish);
      // A call does not wait for the turn of an ordinary wake-up.
      if (wish.urgent && !state.wish.urgent) return begin(history, both, nowMs, rules);
      return { state: { ...state, wish: both }, effects: [] };
    }
    case 'checking':
    case 'pushing':
      return { state: { ...state, next: state.next ? merged(state.next, wish) : wish }, effects: [] };
    default:
      return state satisfies never;
  }
}

function begin(history: History, wish: Wish, nowMs: number, rules: WakeRules): WakeStep {
  const atMs = wish.urgent
    ? Math.max(nowMs, (history.urgentAtMs.at(-1) ?? Number.NEGATIVE_INFINITY) + rules.urgentEveryMs)
    : Math.max(nowMs + rules.ordinaryDelayMs, history.ordinaryAtMs + rules.ordinaryEveryMs);
  return atMs <= nowMs ? check(history, wish, 0) : delay(history, wish, atMs, 0);
}

function check(history: History, wish: Wish, repeat: number, tried: readonly PushServiceName[] = []): WakeStep {
  return { state: { phase: 'checking', history, wish, repeat, tried, next: undefined }, effects: [{ type: 'check' }] };
}

function delay(history: History, wish: Wish, atMs: number, repeat: number): WakeStep {
  return { state: { phase: 'delayed', history, wish, atMs, repeat }, effects: [{ type: 'timer', atMs }] };
}

function checked(
  state: StateOf<'checking'>,
  found: Extract<WakeEvent, { type: 'checked' }>,
  nowMs: number,
  rules: WakeRules,
): WakeStep {
  const { history, repeat, tried } = state;
  if (found.connected || !(found.urgentWaits || found.ordinaryWaits)) return end(state, 'unneeded', nowMs, rules);
  const rings = state.wish.urgent && found.urgentWaits && state.wish.expiresAtMs > nowMs;
  const untilMs = rings ? state.wish.expiresAtMs : Math.max(state.wish.expiresAtMs, nowMs + rules.ordinaryLifeMs);
  const wish = { urgent: rings, expiresAtMs: untilMs, atMs: state.wish.atMs };
  // The call is over, and what else waits has its own turn.
  if (state.wish.urgent && !wish.urgent) {
    if (!found.ordinaryWaits) return end(state, 'unneeded', nowMs, rules);
    return begin(history, state.next ? merged(wish, state.next) : wish, nowMs, rules);
  }
  const target = choosePushTarget(found.targets, wish.urgent, tried);
  if (!target) return end(state, 'no-target', nowMs, rules);
  const isFirst = repeat === 0 && tried.length === 0;
  const remembered = isFirst ? pushed(history, wish.urgent, nowMs, rules) : history;
  const next = state.next && !isFulfilled(remembered, state.next) ? state.next : undefined;
  return {
    state: { ...state, phase: 'pushing', history: remembered, wish, next, target },
    effects: [{ type: 'push', target, wake: { urgent: wish.urgent, expiresAtMs: untilMs }, isFirst }],
  };
}

function answered(
  state: StateOf<'pushing'>,
  { outcome, random }: Extract<WakeEvent, { type: 'answered' }>,
  nowMs: number,
  rules: WakeRules,
): WakeStep {
  const { history, wish, repeat, target, tried } = state;
  switch (outcome.type) {
    case 'accepted':
      return end(state, 'sent', nowMs, rules);
    case 'refused':
      return end(state, 'refused', nowMs, rules);
    case 'token-gone': {
      const dropped: WakeEffect = { type: 'drop-token', target };
      const other = check(history, wish, repeat, [...tried, target.service]);
      return { state: { ...other.state, next: state.next } as WakeState, effects: [dropped, ...other.effects] };
    }
    case 'try-again': {
      const wantedMs = outcome.retryAfterMs ?? 0;
      const bounds = wish.urgent ? rules.urgentBackoff : rules.ordinaryBackoff;
      const atMs = nowMs + Math.max(wantedMs, backoffMs(repeat, random, bounds));
      if (wish.urgent && atMs >= wish.expiresAtMs) return end(state, 'expired', nowMs, rules);
      if (repeat + 1 >= rules.attemptsMax || wantedMs > rules.retryAfterMaxMs)
        return end(state, 'gave-up', nowMs, rules);
      const waiting = delay(history, wish, atMs, repeat + 1);
      return state.next ? wished(waiting.state, state.next, nowMs, rules) : waiting;
    }
    default:
      return outcome satisfies never;
  }
}

function pushedElsewhere(state: StateOf<'pushing'>, atMs: number, nowMs: number, rules: WakeRules): WakeStep {
  const { wish, next } = state;
  // In place of the push that this one had noted as made.
  const history = wish.urgent
    ? { ...state.history, urgentAtMs: [...state.history.urgentAtMs.slice(0, -1), atMs] }
    : { ...state.history, ordinaryAtMs: atMs };
  if (isFulfilled(history, wish)) return end({ ...state, history }, 'unneeded', nowMs, rules);
  return begin(history, next ? merged(wish, next) : wish, nowMs, rules);
}

function end(state: StateOf<Under>, how: WakeEnd, nowMs: number, rules: WakeRules): WakeStep {
  const ended: WakeEffect = { type: 'end', end: how, urgent: state.wish.urgent };
  const { history, next } = state;
  if (!next) return { state: { phase: 'resting', history }, effects: [ended] };
  const following = begin(history, next, nowMs, rules);
  return { state: following.state, effects: [ended, ...following.effects] };
}

function mayBeUrgent(history: History, nowMs: number, rules: WakeRules): boolean {
  return history.urgentAtMs.filter((atMs) => atMs > nowMs - rules.urgentWindowMs).length < rules.urgentMax;
}

function pushed(history: History, urgent: boolean, nowMs: number, rules: WakeRules): History {
  if (!urgent) return { ...history, ordinaryAtMs: nowMs };
  const recent = history.urgentAtMs.filter((atMs) => atMs > nowMs - rules.urgentWindowMs);
  return { ...history, urgentAtMs: [...recent, nowMs] };
}

/** It was queued before something was pushed that made the device come, or will. */
function isFulfilled({ urgentAtMs, ordinaryAtMs }: History, wish: Wish): boolean {
  const pushedAtMs = Math.max(urgentAtMs.at(-1) ?? Number.NEGATIVE_INFINITY, wish.urgent ? 0 : ordinaryAtMs);
  return wish.atMs <= pushedAtMs;
}

function merged(a: Wish, b: Wish): Wish {
  const atMs = Math.max(a.atMs, b.atMs);
  if (a.urgent !== b.urgent) return { ...(a.urgent ? a : b), atMs };
  return { urgent: a.urgent, expiresAtMs: Math.max(a.expiresAtMs, b.expiresAtMs), atMs };
}
