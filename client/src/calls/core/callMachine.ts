// A call as one device sees it.
//
// The theory. Signaling alone decides who is in a call and when it is over; it
// tells by whole snapshots of the roster, and by one `ended`. The device adds
// what only it knows: whether media flows. Both meet here, so that what is on
// the screen always follows from the one state below.
//
//   starting ──snapshot──▶ ringing-out ──a callee joined──▶ connecting
//   ringing-in ──accept──▶ connecting ──media flows──▶ active ◀──▶ reconnecting
//   every phase ──hang-up, decline, ended, refused, or its deadline──▶ ended
//
// While it rings, each of the callee's devices connects to the caller's, so that
// media flows as soon as one accepts; until then nothing goes over these links,
// and here they are no links of the call.
//
// A call in peer mode has one link, to exactly the device that accepted; in
// room mode one link to the SFU. While a call moves from one to the other it
// has both, and lives while either carries media. A lost signaling socket
// changes no phase: media does not pass through it. A signaling server that
// has forgotten the call (it lost its state) ends what had no media yet, and
// nothing else: two people who talk go on talking.
//
// Time only enters as `now` and leaves as `deadlineOf`: the runner keeps one
// timer, for the present deadline. Both are this device's clock, which may be
// wrong by hours: a server's time is never compared with it.
import type { AccountId } from '@carillon/protocol';
import { LIMITS } from '@carillon/protocol';
import type { CallEndReason, CallOutcome, CallPhase } from '../../model.ts';
import {
  type Call,
  type CallEffect,
  type CallEvent,
  deadlineOf,
  type Facts,
  factsOf,
  type Link,
  RING_GRACE_MS,
  type Step,
} from './callState.ts';
import { answeredElsewhere, follow, isIn, mayPreconnect, updateDue } from './followRoster.ts';
import { isSound, joinedOthers, type Snapshot } from './roster.ts';

export * from './callState.ts';

type Handlers = {
  readonly [Phase in CallPhase]: {
    readonly [Type in CallEvent['type']]?: {
      readonly to: readonly CallPhase[];
      readonly run: (call: Call & { phase: Phase }, event: CallEvent & { type: Type }, now: number) => Step;
    };
  };
};

const stay = (call: Call, effects: readonly CallEffect[] = []): Step => ({ call, effects });

function end(
  call: Call,
  reason: CallEndReason,
  now: number,
  options: { by?: AccountId | undefined; detail?: string; before?: readonly CallEffect[] } = {},
): Step {
  const connectedAtMs = 'connectedAtMs' in call ? call.connectedAtMs : undefined;
  const ended: Call = {
    ...factsOf(call),
    phase: 'ended',
    reason,
    by: options.by,
    detail: options.detail,
    connectedAtMs,
  };
  const effects: CallEffect[] = [...(options.before ?? [])];
  const outcome: CallOutcome =
    connectedAtMs !== undefined ? 'completed' : reason === 'declined' ? 'declined' : 'missed';
  // The device that answered keeps the record; a call that another device was too busy for is missed on all.
  const elsewhere = reason === 'accepted-elsewhere' || reason === 'declined-elsewhere' || reason === 'busy-elsewhere';
  const silent = elsewhere || lostByGlare(call, reason, options.by);
  if (!silent) {
    const durationMs = connectedAtMs === undefined ? 0 : Math.max(0, now - connectedAtMs);
    effects.push({ type: 'record', outcome, durationMs });
  }
  if (!silent && call.createdBy === call.self.accountId) {
    const missed = call.participants.filter(
      ({ accountId, state, number }) =>
        accountId !== call.self.accountId && number === 0 && state !== 'declined' && state !== 'joined',
    );
    if (missed.length > 0) effects.push({ type: 'tell-missed', accounts: missed.map(({ accountId }) => accountId) });
  }
  effects.push({ type: 'close' });
  return { call: ended, effects };
}

/**
 * Both called each other at once; the other's call goes on instead of this one.
 * Only whom we called: signaling must not choose who is answered without asking.
 */
export function lostByGlare({ callees }: Facts, reason: CallEndReason, by: AccountId | undefined): boolean {
  return reason === 'cancelled' && callees.length === 1 && callees[0] === by;
}

/** Phase after a snapshot, for a device that is in the call. */
function settle(call: Call & { phase: 'starting' | 'ringing-out' }, snapshot: Snapshot, now: number): Step {
  if (!isIn(call, snapshot.participants)) return end(call, 'connection-lost', now);
  const followed = follow(call, snapshot);
  const others = joinedOthers(snapshot.participants, call.self.accountId);
  const kept = factsOf(followed.call);
  if (others.length > 0) {
    const flows = kept.links.room || kept.links.peer;
    const next: Call = flows
      ? { ...kept, phase: 'active', connectedAtMs: now }
      : { ...kept, phase: 'connecting', sinceMs: now };
    return { call: next, effects: followed.effects };
  }
  // The server's end of a ring tells it from the next; our own clock times it.
  const sameRing = call.phase === 'ringing-out' && call.serverRingsUntilMs === snapshot.ringsUntilMs;
  const ringsUntilMs = sameRing ? call.ringsUntilMs : now + LIMITS.ringMs;
  return { call: { ...kept, phase: 'ringing-out', ringsUntilMs }, effects: followed.effects };
}

function withLink<Phase extends Call>(call: Phase, link: Link, up: boolean): Phase {
  return call.links[link] === undefined ? call : { ...call, links: { ...call.links, [link]: up } };
}

const flows = (call: Call): boolean => call.links.peer === true || call.links.room === true;

const socket = {
  to: [] as CallPhase[],
  run: (call: Call, { up }: CallEvent & { type: 'socket' }) =>
    stay({ ...call, socketUp: up }, up ? updateDue(call) : []),
};
const ended = {
  to: ['ended'] as CallPhase[],
  run: (call: Call, event: CallEvent & { type: 'ended' }, now: number) =>
    end(call, event.reason, now, { by: event.by }),
};
const refused = {
  to: ['ended'] as CallPhase[],
  run: (call: Call, event: CallEvent & { type: 'refused' }, now: number) =>
    end(call, 'failed', now, { detail: event.words }),
};
const mediaFailed = {
  to: ['ended'] as CallPhase[],
  run: (call: Call, event: CallEvent & { type: 'media-failed' }, now: number) =>
    end(call, 'failed', now, { detail: event.words, before: [{ type: 'request-hang-up' }] }),
};
const hangUp = (reason: CallEndReason) => ({
  to: ['ended'] as CallPhase[],
  run: (call: Call, _event: CallEvent, now: number) =>
    end(call, reason, now, { by: call.self.accountId, before: [{ type: 'request-hang-up' }] }),
});
const deadline = (reason: CallEndReason, detail?: string) => ({
  to: ['ended'] as CallPhase[],
  run: (call: Call, _event: CallEvent, now: number) =>
    now < (deadlineOf(call) ?? Number.POSITIVE_INFINITY)
      ? stay(call)
      : end(call, reason, now, { before: [{ type: 'request-hang-up' }], ...(detail ? { detail } : {}) }),
});
/** Whoever was in and is not any more was taken for lost by signaling, and the call goes on without it. */
const following = {
  to: ['ended'] as CallPhase[],
  run: (call: Call, { snapshot }: CallEvent & { type: 'snapshot' }, now: number): Step => {
    const isAccepting = call.phase === 'connecting' && call.links.peer === undefined && call.links.room === undefined;
    if (!isAccepting && !isIn(call, snapshot.participants)) return end(call, 'connection-lost', now);
    const { call: next, effects } = follow(call, snapshot);
    return { call: next, effects };
  },
};
/** What this device sends, as the roster shall show it. */
const sending = (isIn: boolean) => ({
  to: [] as CallPhase[],
  run: (call: Call, { video }: CallEvent & { type: 'sending' }): Step => {
    if (video === call.sendsVideo) return stay(call);
    const effects: CallEffect[] = isIn ? [{ type: 'request-update', video, held: call.held }] : [];
    return stay({ ...call, sendsVideo: video }, effects);
  },
});
const hold = {
  to: [] as CallPhase[],
  run: (call: Call, { on }: CallEvent & { type: 'hold' }): Step => {
    if (on === call.held) return stay(call);
    const { sendsVideo: video } = call;
    return stay({ ...call, held: on }, [
      { type: 'hold', on },
      { type: 'request-update', video, held: on },
    ]);
  },
};
const roomFlows = {
  to: [] as CallPhase[],
  run: (call: Call): Step => {
    if (call.links.peer === undefined || call.mode !== 'room') return stay(call);
    const { peer: _peer, ...links } = call.links;
    return stay({ ...call, links, peer: undefined }, [{ type: 'close-peer' }]);
  },
};

/** Which event may lead where, and how; what is not named is ignored in that phase. */
export const TRANSITIONS: Handlers = {
  starting: {
    snapshot: {
      to: ['ringing-out', 'connecting', 'ended'],
      run: (call, { snapshot }, now) => settle(call, snapshot, now),
    },
    sending: sending(false),
    socket,
    ended,
    refused,
    'media-failed': mediaFailed,
    'hang-up': hangUp('cancelled'),
    tick: deadline('failed', 'the server does not answer.'),
  },
  'ringing-out': {
    snapshot: {
      to: ['connecting', 'active', 'ended'],
      run: (call, { snapshot }, now) => settle(call, snapshot, now),
    },
    'media-connected': { to: [], run: (call, { link }) => stay(withLink(call, link, true)) },
    'media-lost': { to: [], run: (call, { link }) => stay(withLink(call, link, false)) },
    sending: sending(true),
    socket,
    ended,
    refused,
    forgotten: { to: ['ended'], run: (call, _event, now) => end(call, 'connection-lost', now) },
    'media-failed': mediaFailed,
    'hang-up': hangUp('cancelled'),
    tick: deadline('expired'),
  },
  'ringing-in': {
    snapshot: {
      to: ['ended'],
      run: (call, event, now) => {
        // It lost its socket when another device of the account answered.
        const reason = answeredElsewhere(call, event.snapshot);
        if (reason) return end(call, reason, now, { by: call.self.accountId });
        const { call: next, effects } = follow(call, event.snapshot);
        return mayPreconnect(next)
          ? stay({ ...next, preconnect: 'asked' }, [...effects, { type: 'preconnect', device: next.from }])
          : stay(next, effects);
      },
    },
    preconnected: {
      to: [],
      run: (call) =>
        call.preconnect === 'asked'
          ? stay({ ...call, preconnect: 'told' }, [{ type: 'request-preconnect' }])
          : stay(call),
    },
    accept: {
      to: ['connecting'],
      run: (call, _event, now) => {
        return { call: { ...factsOf(call), phase: 'connecting', sinceMs: now }, effects: [{ type: 'request-accept' }] };
      },
    },
    decline: {
      to: ['ended'],
      run: (call, { busy }, now) =>
        end(call, busy ? 'busy' : 'declined', now, {
          by: call.self.accountId,
          before: [{ type: 'request-decline', busy }],
        }),
    },
    sending: sending(false),
    socket,
    ended,
    refused,
    forgotten: { to: ['ended'], run: (call, _event, now) => end(call, 'cancelled', now) },
    'hang-up': {
      to: ['ended'],
      run: (call, _event, now) =>
        end(call, 'declined', now, {
          by: call.self.accountId,
          before: [{ type: 'request-decline', busy: false }],
        }),
    },
    tick: {
      to: ['ended'],
      run: (call, _event, now) => (now < call.ringsUntilMs + RING_GRACE_MS ? stay(call) : end(call, 'expired', now)),
    },
  },
  connecting: {
    snapshot: following,
    'media-connected': {
      to: ['active'],
      run: (call, { link }, now) => {
        const next = withLink(call, link, true);
        return flows(next) ? stay({ ...factsOf(next), phase: 'active', connectedAtMs: now }) : stay(next);
      },
    },
    'media-lost': { to: [], run: (call, { link }) => stay(withLink(call, link, false)) },
    sending: sending(true),
    hold,
    socket,
    ended,
    refused,
    forgotten: {
      to: ['ended'],
      run: (call, _event, now) => end(call, 'failed', now, { detail: 'the server has lost this call.' }),
    },
    'media-failed': mediaFailed,
    'room-flows': roomFlows,
    'hang-up': hangUp('hung-up'),
    tick: deadline('failed', 'no way through the network was found.'),
  },
  active: {
    snapshot: following,
    'media-connected': { to: [], run: (call, { link }) => stay(withLink(call, link, true)) },
    'media-lost': {
      to: ['reconnecting'],
      run: (call, { link }, now) => {
        const next = withLink(call, link, false);
        return flows(next) ? stay(next) : stay({ ...next, phase: 'reconnecting', sinceMs: now });
      },
    },
    sending: sending(true),
    hold,
    socket,
    ended,
    forgotten: { to: [], run: (call) => stay({ ...call, forgotten: true }) },
    'media-failed': mediaFailed,
    'room-flows': roomFlows,
    'hang-up': hangUp('hung-up'),
  },
  reconnecting: {
    snapshot: following,
    'media-connected': {
      to: ['active'],
      run: (call, { link }) => {
        const next = withLink(call, link, true);
        const { connectedAtMs } = call;
        return flows(next) ? stay({ ...factsOf(next), phase: 'active', connectedAtMs }) : stay(next);
      },
    },
    'media-lost': { to: [], run: (call, { link }) => stay(withLink(call, link, false)) },
    sending: sending(true),
    hold,
    socket,
    ended,
    refused,
    forgotten: { to: ['ended'], run: (call, _event, now) => end(call, 'connection-lost', now) },
    'media-failed': mediaFailed,
    'room-flows': roomFlows,
    'hang-up': hangUp('hung-up'),
    tick: deadline('connection-lost'),
  },
  ended: {},
};

export function step(call: Call, event: CallEvent, now: number): Step {
  if (
    event.type === 'snapshot' &&
    (event.snapshot.callId !== call.callId || event.snapshot.revision <= call.revision || !isSound(event.snapshot))
  ) {
    return stay(call);
  }
  // The table pairs each handler with its own phase and event; the pair is looked up by both.
  const transition = (
    TRANSITIONS[call.phase] as Record<string, { to: readonly CallPhase[]; run: unknown } | undefined>
  )[event.type];
  if (!transition) return stay(call);
  const next = (transition.run as (call: Call, event: CallEvent, now: number) => Step)(call, event, now);
  if (next.call.phase !== call.phase && !transition.to.includes(next.call.phase)) {
    throw new Error(
      `call machine: ${event.type} leads from ${call.phase} to ${next.call.phase}, which the table forbids`,
    );
  }
  return next;
}
