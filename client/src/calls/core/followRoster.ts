// What a new roster means for a device: whom to open which link to, what to say
// of itself, and whether it need ring any more.
import type { CallEndReason } from '../../model.ts';
import type { Call, CallEffect, Facts, Link } from './callState.ts';
import { joinedOthers, type Participant, type Snapshot } from './roster.ts';

/** The roster's news: whom to open which link to. */
export function follow<Phase extends Call>(call: Phase, snapshot: Snapshot): { call: Phase; effects: CallEffect[] } {
  const effects: CallEffect[] = [];
  const { mode, revision, video, participants, ringsUntilMs: serverRingsUntilMs } = snapshot;
  const inCall = isIn(call, participants);
  const others = joinedOthers(participants, call.self.accountId);
  const links: Partial<Record<Link, boolean>> = { ...call.links };
  let { peer } = call;
  if (mode === 'room') {
    // Others were asked in while it rang: what was connected for two is of no use.
    if (call.mode === 'peer' && links.peer === undefined) effects.push({ type: 'close-peer' });
    if (inCall && links.room === undefined) {
      links.room = false;
      effects.push({ type: 'open-room' });
    }
    if (inCall) effects.push({ type: 'room-members' });
  } else if (inCall && others[0] && links.peer === undefined) {
    links.peer = false;
    peer = others[0].device;
    effects.push({ type: 'open-peer', device: peer });
  }
  const peerHeld = peer !== undefined && participants.some((other) => other.held && other.accountId === peer.accountId);
  // Who does not listen is sent nothing.
  if (peerHeld !== call.peerHeld) effects.push({ type: 'mute-peer', on: peerHeld });
  const news = { mode, revision, video, participants, serverRingsUntilMs, links, peer, peerHeld, socketUp: true };
  const next = { ...call, ...news };
  return { call: next, effects: [...effects, ...updateDue(next)] };
}

/** Signaling has this device in the call. */
export function isIn(call: Facts, participants: readonly Participant[]): boolean {
  const own = ownIn(call, participants);
  return own?.state === 'joined' && own.device?.deviceId === call.self.deviceId;
}

function ownIn({ self }: Facts, participants: readonly Participant[]): Participant | undefined {
  return participants.find(({ accountId }) => accountId === self.accountId);
}

/** The roster does not show what this device sends: it is new in the call, or an update was lost. */
export function updateDue(call: Facts): CallEffect[] {
  const { participants, sendsVideo, held } = call;
  const own = ownIn(call, participants);
  if (!own || !isIn(call, participants) || (own.video === sendsVideo && own.held === held)) return [];
  return [{ type: 'request-update', video: sendsVideo, held }];
}

/** Why this device need not ring any more; undefined while it is asked. */
export function answeredElsewhere(call: Facts, { participants }: Snapshot): CallEndReason | undefined {
  switch (ownIn(call, participants)?.state) {
    case 'joined':
      return isIn(call, participants) ? undefined : 'accepted-elsewhere';
    case 'left':
      return 'accepted-elsewhere';
    case 'declined':
      return 'declined-elsewhere';
    case 'busy':
      return 'busy-elsewhere';
    case 'expired':
      return 'expired';
    default:
      return undefined;
  }
}

/** Of two, while the device that called is still in; signaling would not carry our offer to another. */
export function mayPreconnect({ mode, preconnect, from, participants }: Call & { phase: 'ringing-in' }): boolean {
  return (
    mode === 'peer' &&
    preconnect === 'none' &&
    participants.some(({ accountId, device }) => accountId === from.accountId && device?.deviceId === from.deviceId)
  );
}
