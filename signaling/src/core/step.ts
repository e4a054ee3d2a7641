// step(call, event, now) -> the call after it and what is to be done, or the
// code of a refusal. Pure: see call.ts for the theory, transitions.ts for the
// participants' table.
import type { AccountId, Address } from '@carillon/protocol';
import { LIMITS } from '@carillon/protocol';
import {
  type Bounds,
  type Call,
  type CallEvent,
  devicesOf,
  type Effect,
  type EndedCall,
  type EndReason,
  isJoined,
  isPending,
  isSameDevice,
  type LiveCall,
  type OwnEvent,
  type Participant,
  type ParticipantState,
  participantOf,
  ROSTER_MAX,
  refuse,
  type Step,
  withParticipant,
} from './call.ts';
import { type ParticipantEvent, standingOf, transition } from './transitions.ts';
import { type Cause, isAlone, verdict } from './verdict.ts';

/** Events after which the device has no part in the call. */
const LEAVING: ReadonlySet<string> = new Set<OwnEvent>(['decline', 'needs_permission', 'busy', 'hang_up']);

type Of<Type extends CallEvent['type']> = Extract<CallEvent, { type: Type }>;

export function step(call: Call | undefined, event: CallEvent, nowMs: number, bounds: Bounds): Step {
  const known = call?.phase === 'ended' && call.forgetAtMs <= nowMs ? undefined : call;
  if (!known) return event.type === 'create' ? created(event, nowMs, bounds) : refuse('call-unknown');
  return known.phase === 'ended' ? stepEnded(known, event) : stepLive(known, event, nowMs, bounds);
}

function stepLive(call: LiveCall, event: CallEvent, nowMs: number, bounds: Bounds): Step {
  switch (event.type) {
    case 'create':
      return createdAgain(call, event, nowMs, bounds);
    case 'ring':
    case 'preconnect':
    case 'accept':
    case 'decline':
    case 'needs_permission':
    case 'busy':
    case 'hang_up':
    case 'update':
    case 'attach':
      return asked(call, event, nowMs, bounds);
    case 'invite':
      return invited(call, event, nowMs, bounds);
    case 'relay':
      return relayed(call, event);
    case 'room':
      return ticketed(call, event);
    case 'socket_lost':
      return socketLost(call, event.by, nowMs, bounds);
    case 'glare_lost':
      // Answered meanwhile, it collides with nothing any more.
      if (call.mode !== 'peer' || !call.participants.some(isPending)) return { call, effects: [] };
      return concluded(call, call, { cause: { event: 'glare', by: null }, nowMs, bounds });
    case 'restored':
      return restored(call, event.nodes, nowMs, bounds);
    case 'tick':
      return ticked(call, nowMs, bounds);
    default:
      return event satisfies never;
  }
}

function created(event: Of<'create'>, nowMs: number, bounds: Bounds): Step {
  const { by, callId, callees, video } = event;
  if (callees.length === 0) return refuse('invalid-request');
  if (callees.length >= bounds.participantsMax) return refuse('call-full');
  const call: LiveCall = {
    phase: 'live',
    callId,
    createdBy: by.accountId,
    createdAtMs: nowMs,
    video,
    mode: callees.length === 1 && !event.room ? 'peer' : 'room',
    revision: 1,
    lastNumber: 1,
    participants: [
      { ...by, number: 1, state: 'joined', lostUntilMs: null, video, held: false, preconnected: false },
      ...callees.map((accountId) => invitee(accountId, nowMs, bounds)),
    ],
    node: null,
    aloneUntilMs: null,
    restores: 0,
  };
  return { call, effects: [{ type: 'persist' }, { type: 'reply', body: 'state' }, attachment(by)] };
}

/** The reply to the first create was lost: the same device gets the same call. */
function createdAgain(call: LiveCall, { by }: Of<'create'>, nowMs: number, bounds: Bounds): Step {
  const creator = participantOf(call, by.accountId);
  if (call.createdBy !== by.accountId || creator?.deviceId !== by.deviceId) return refuse('call-not-yours');
  // Its first socket may be counted as lost by now.
  return asked(call, { type: 'attach', by, receivedSeq: 0n }, nowMs, bounds);
}

function stepEnded(call: EndedCall, event: CallEvent): Step {
  if (!('by' in event)) return { call, effects: [] };
  const ending = call.endings.find(({ accountId }) => accountId === event.by.accountId);
  if (!ending || event.type === 'socket_lost') return refuse('call-unknown');
  return refuse('call-unknown', [{ type: 'ended', to: event.by, reason: ending.reason, by: ending.by }]);
}

/** A device asks for a transition of its own account. */
function asked(call: LiveCall, event: Of<OwnEvent | 'update' | 'attach'>, nowMs: number, bounds: Bounds): Step {
  const { by, type } = event;
  const p = participantOf(call, by.accountId);
  if (!p) return refuse('call-not-yours');
  const outcome = transition(standingOf(p, by.deviceId), type);
  if ('refuse' in outcome) {
    // It rang, and lost its socket before it could hear why it should stop.
    const late = type === 'attach' && p.state === 'joined';
    return refuse(outcome.refuse, late ? [endedFor(by, 'accepted-elsewhere', by.accountId)] : []);
  }
  const joins = outcome.to === 'joined' && p.state !== 'joined';
  if (joins && !isPending(p) && activeIn(call) >= bounds.participantsMax) return refuse('call-full');
  const rings = type === 'ring' && p.state === 'ringing' && !p.devices.includes(by.deviceId);
  if (rings && p.devices.length >= LIMITS.devicesPerAccountMax) return refuse('call-full');

  const next = said(entered(call, p, { to: outcome.to, event: type, by, nowMs, bounds }), event);
  const after = { ...withParticipant(call, next), lastNumber: Math.max(call.lastNumber, next.number) };
  const leaves = LEAVING.has(type);
  const elsewhere = isPending(p) && !isPending(next) ? devicesOf(p).filter((device) => !isSameDevice(device, by)) : [];
  return concluded(call, after, {
    cause: { event: causeOf(type, p), by: by.accountId },
    by,
    reply: leaves || type === 'preconnect' ? 'done' : 'state',
    also: [
      leaves ? { type: 'detach', device: by } : attachment(by, event.type === 'attach' ? event.receivedSeq : undefined),
      ...elsewhere.map((to) => endedFor(to, elsewhereReason(next.state), by.accountId)),
    ],
    nowMs,
    bounds,
  });
}

/** Whoever hangs up while it rings here says no. */
function causeOf(event: ParticipantEvent, p: Participant): Cause['event'] {
  if (event === 'hang_up' && isPending(p)) return 'decline';
  return event === 'hang_up' || event === 'decline' || event === 'needs_permission' || event === 'busy'
    ? event
    : 'other';
}

/** What the other devices of an account hear that rang, when one of them has answered. */
function elsewhereReason(state: ParticipantState): EndReason {
  if (state === 'joined') return 'accepted-elsewhere';
  return state === 'busy' ? 'busy-elsewhere' : 'declined-elsewhere';
}

/** What an event says beside the state that it leads to. */
function said(p: Participant, event: Of<OwnEvent | 'update' | 'attach'>): Participant {
  const { deviceId } = event.by;
  if (event.type === 'preconnect' && p.state === 'ringing') {
    const isNews = p.devices.includes(deviceId) && !p.connected.includes(deviceId);
    return isNews ? { ...p, connected: [...p.connected, deviceId] } : p;
  }
  if (event.type === 'update' && p.state === 'joined') return { ...p, video: event.video, held: event.held };
  return p;
}

interface Entry {
  readonly to: ParticipantState;
  readonly event: ParticipantEvent;
  readonly by: Address;
  readonly nowMs: number;
  readonly bounds: Bounds;
}

/** The participant in its new state, with the fields which that state has. */
function entered(call: LiveCall, p: Participant, { to, event, by, nowMs, bounds }: Entry): Participant {
  const { accountId, deviceId, number } = p;
  switch (to) {
    case 'invited':
      return p.state === 'invited' ? p : { ...invitee(accountId, nowMs, bounds), deviceId, number };
    case 'ringing': {
      if (!isPending(p)) throw new Error(`a participant that is ${p.state} cannot ring`);
      const [devices, connected] = p.state === 'ringing' ? [p.devices, p.connected] : [[], []];
      if (event !== 'ring' || devices.includes(by.deviceId)) return p;
      const { ringsUntilMs } = p;
      return { accountId, deviceId, number, state: to, ringsUntilMs, devices: [...devices, by.deviceId], connected };
    }
    case 'joined':
      return p.state === 'joined'
        ? { ...p, lostUntilMs: null }
        : {
            ...by,
            number: call.lastNumber + 1,
            state: to,
            lostUntilMs: null,
            video: call.video,
            held: false,
            preconnected: p.state === 'ringing' && p.connected.includes(by.deviceId),
          };
    case 'left':
    case 'declined':
    case 'busy':
    case 'expired':
      return { accountId, deviceId, number, state: to };
    default:
      return to satisfies never;
  }
}

function invited(call: LiveCall, event: Of<'invite'>, nowMs: number, bounds: Bounds): Step {
  const { by } = event;
  const inviter = participantOf(call, by.accountId);
  if (!inviter) return refuse('call-not-yours');
  if (inviter.state !== 'joined') return refuse('call-state');
  if (inviter.deviceId !== by.deviceId) return refuse('answered-elsewhere');
  const asked = new Set(event.accounts);
  const again = call.participants.map((p) => {
    if (!asked.delete(p.accountId) || isPending(p) || isJoined(p)) return p;
    return entered(call, p, { to: 'invited', event: 'invite', by, nowMs, bounds });
  });
  const participants = [...again, ...[...asked].map((accountId) => invitee(accountId, nowMs, bounds))];
  const isNew = participants.some((p, index) => p !== call.participants[index]);
  const after: LiveCall = isNew ? { ...call, mode: 'room', participants } : call;
  if (isNew && activeIn(after) > bounds.participantsMax) return refuse('call-full');
  if (after.participants.length > ROSTER_MAX) return refuse('call-full');
  return concluded(call, after, { cause: { event: 'other', by: by.accountId }, by, reply: 'state', nowMs, bounds });
}

/** Sealed bytes from one device of the call to another. An invited device finds them when it rings. */
function relayed(call: LiveCall, { by, to, sealed }: Of<'relay'>): Step {
  const sender = participantOf(call, by.accountId);
  const receiver = participantOf(call, to.accountId);
  if (!sender) return refuse('call-not-yours');
  if (sender.state === 'joined' && sender.deviceId !== by.deviceId) return refuse('answered-elsewhere');
  if (!devicesOf(sender).some((device) => isSameDevice(device, by))) return refuse('call-state');
  if (!receiver || to.accountId === by.accountId) return refuse('device-unknown');
  if (receiver.state === 'joined' && receiver.deviceId !== to.deviceId) return refuse('answered-elsewhere');
  if (!isPending(receiver) && !isJoined(receiver)) return refuse('call-state');
  return {
    call,
    effects: [
      { type: 'relay', from: by, to, sealed },
      { type: 'reply', body: 'done' },
    ],
  };
}

function ticketed(call: LiveCall, { by, node: proposed }: Of<'room'>): Step {
  const p = participantOf(call, by.accountId);
  if (!p) return refuse('call-not-yours');
  if (p.state !== 'joined' || call.mode !== 'room') return refuse('call-state');
  if (p.deviceId !== by.deviceId) return refuse('answered-elsewhere');
  const node = call.node ?? proposed;
  if (node === undefined) return refuse('sfu-unavailable');
  const ticket: Effect = { type: 'ticket', node, number: p.number };
  if (call.node !== null) return { call, effects: [ticket] };
  const after = { ...call, node };
  return { call: after, effects: [{ type: 'persist' }, ticket] };
}

function socketLost(call: LiveCall, by: Address, nowMs: number, bounds: Bounds): Step {
  const p = participantOf(call, by.accountId);
  // A device that rings may come back for as long as it rings: nothing to count.
  if (p?.state !== 'joined' || p.deviceId !== by.deviceId || p.lostUntilMs !== null) return { call, effects: [] };
  const after = withParticipant(call, { ...p, lostUntilMs: nowMs + bounds.reconnectMs });
  return { call: after, effects: [{ type: 'persist' }] };
}

/** All sockets went with the server that held them: everybody gets the whole reconnect bound. */
function restored(call: LiveCall, nodes: readonly string[], nowMs: number, bounds: Bounds): Step {
  const after: LiveCall = {
    ...call,
    restores: call.restores + 1,
    // A node that was taken out of the configuration cannot be joined; the next ticket names another.
    node: call.node !== null && nodes.includes(call.node) ? call.node : null,
    participants: call.participants.map((p) => (isJoined(p) ? { ...p, lostUntilMs: nowMs + bounds.reconnectMs } : p)),
  };
  return { call: after, effects: [{ type: 'persist' }] };
}

function ticked(call: LiveCall, nowMs: number, bounds: Bounds): Step {
  const also: Effect[] = [];
  let cause: Cause = { event: 'other', by: null };
  let after = call;
  for (const p of call.participants) {
    const event: ParticipantEvent | undefined =
      isPending(p) && p.ringsUntilMs <= nowMs
        ? 'expire'
        : isJoined(p) && p.lostUntilMs !== null && p.lostUntilMs <= nowMs
          ? 'lose'
          : undefined;
    if (!event) continue;
    const outcome = transition(p.state, event);
    if ('refuse' in outcome) throw new Error(`${event} cannot be refused`);
    const by = { accountId: p.accountId, deviceId: p.deviceId } as Address;
    after = withParticipant(after, entered(after, p, { to: outcome.to, event, by, nowMs, bounds }));
    cause = { event, by: p.accountId };
    const reason = event === 'expire' ? 'expired' : 'connection-lost';
    also.push(...devicesOf(p).map((to) => endedFor(to, reason, p.accountId)));
  }
  const aloneTooLong = call.aloneUntilMs !== null && call.aloneUntilMs <= nowMs && isAlone(after);
  if (aloneTooLong && cause.event === 'other') cause = { event: 'alone', by: null };
  if (after === call && !aloneTooLong) return { call, effects: [] };
  return concluded(call, after, { cause, also, nowMs, bounds });
}

interface Conclusion {
  readonly cause: Cause;
  /** The device that asked; it hears by the reply. */
  readonly by?: Address;
  readonly reply?: 'state' | 'done';
  readonly also?: readonly Effect[];
  readonly nowMs: number;
  readonly bounds: Bounds;
}

/** Ends the call if its roster says so; else tells everybody if anything they see has changed. */
function concluded(
  before: LiveCall,
  after: LiveCall,
  { cause, by, reply, also = [], nowMs, bounds }: Conclusion,
): Step {
  const endings = verdict(after, cause);
  const replies: Effect[] = reply ? [{ type: 'reply', body: reply }] : [];
  if (endings) {
    const { callId, createdBy } = after;
    const call: EndedCall = { phase: 'ended', callId, createdBy, endings, forgetAtMs: nowMs + bounds.endedKeptMs };
    const rest = after.participants.flatMap((p) => {
      const ending = endings.find(({ accountId }) => accountId === p.accountId);
      const others = devicesOf(p).filter((device) => !isSameDevice(device, by));
      return ending ? others.map((to) => endedFor(to, ending.reason, ending.by)) : [];
    });
    return { call, effects: [{ type: 'persist' }, ...replies, ...also, ...rest] };
  }
  const aloneUntilMs = isAlone(after) ? (before.aloneUntilMs ?? nowMs + bounds.reconnectMs) : null;
  const changed = isVisible(before, after);
  const call: LiveCall = { ...after, aloneUntilMs, revision: before.revision + (changed ? 1 : 0) };
  const others = call.participants.flatMap(devicesOf).filter((device) => !isSameDevice(device, by));
  const news: Effect[] = changed && others.length > 0 ? [{ type: 'state', to: others }] : [];
  return { call, effects: [{ type: 'persist' }, ...replies, ...also, ...news] };
}

/** Would the roster that travels differ? */
function isVisible(before: LiveCall, after: LiveCall): boolean {
  return (
    before.mode !== after.mode ||
    before.participants.length !== after.participants.length ||
    after.participants.some((p, index) => {
      const was = before.participants[index];
      if (was?.state !== p.state || was.number !== p.number || was.deviceId !== p.deviceId) return true;
      return isJoined(p) && isJoined(was) && (p.video !== was.video || p.held !== was.held);
    })
  );
}

function attachment(device: Address, receivedSeq = 0n): Effect {
  return { type: 'attach', device, receivedSeq };
}

function endedFor(to: Address, reason: EndedCall['endings'][number]['reason'], by: AccountId | null): Effect {
  return { type: 'ended', to, reason, by };
}

function invitee(accountId: AccountId, nowMs: number, bounds: Bounds): Extract<Participant, { state: 'invited' }> {
  return { accountId, deviceId: 0, number: 0, state: 'invited', ringsUntilMs: nowMs + bounds.ringMs };
}

function activeIn(call: LiveCall): number {
  return call.participants.filter((p) => isPending(p) || isJoined(p)).length;
}
