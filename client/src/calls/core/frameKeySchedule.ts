// When this device's frame key changes in a room, and who is told.
//
// The theory (RFC 9605, section 5.1, "Sender Keys"). Each participant encrypts
// its own frames under a base key of its own. Whoever joins must not open what
// was said before: the key moves one ratchet step forward, which everybody who
// has the earlier one can do alone on seeing the step in a frame's KID, and only
// the joiner is sent it. Whoever leaves must not open what is said after: a
// fresh key, the next generation, goes to all who stay. Leaves are gathered for
// a short grace, so that a room which empties makes one key and not one for
// each; who joins during the grace gets the present key first, like anyone.
import { addressKey } from '@carillon/protocol';
import type { Joined } from './roster.ts';

/** KID carries 8 bits of the step; a fresh key comes before they repeat. */
const STEPS_MAX = 255;

export interface KeySchedule {
  /** This device's participant number; 0 while it is not in the call. */
  readonly number: number;
  readonly generation: number;
  readonly step: number;
  readonly members: ReadonlyMap<number, Joined>;
  /** Someone left and the fresh key is still to come. */
  readonly freshDue: boolean;
}

export type KeyEffect =
  /** Replace the base key by a new random one. */
  | { readonly type: 'fresh' }
  /** Replace the base key by its next step. */
  | { readonly type: 'ratchet' }
  | { readonly type: 'send'; readonly to: readonly Joined[] }
  /** Call `grace` after the grace time. */
  | { readonly type: 'wait' }
  /** Forget what this participant's frames open with. */
  | { readonly type: 'forget'; readonly number: number };

export interface KeyStep {
  readonly schedule: KeySchedule;
  readonly effects: readonly KeyEffect[];
}

export const noSchedule: KeySchedule = { number: 0, generation: 0, step: 0, members: new Map(), freshDue: false };

export function membersChanged(before: KeySchedule, number: number, others: readonly Joined[]): KeyStep {
  const members = new Map(others.map((member) => [member.number, member]));
  const joined = others.filter((member) => !isSame(before.members.get(member.number), member));
  const left = [...before.members.values()].filter((member) => !isSame(members.get(member.number), member));
  const effects: KeyEffect[] = left.map((member) => ({ type: 'forget', number: member.number }));
  let schedule: KeySchedule = { ...before, number, members };

  // A new number is a new sender (KIDs are counted by number); its first key is nobody's yet.
  if (number !== before.number) {
    effects.push({ type: 'fresh' });
    if (others.length > 0) effects.push({ type: 'send', to: others });
    return { schedule: { ...schedule, generation: 0, step: 0, freshDue: false }, effects };
  }
  if (joined.length > 0) {
    if (before.members.size > 0) {
      const spent = schedule.step >= STEPS_MAX;
      if (spent) return fresh(schedule, effects);
      effects.push({ type: 'ratchet' });
      schedule = { ...schedule, step: schedule.step + 1 };
    }
    effects.push({ type: 'send', to: joined });
  }
  if (left.length > 0 && !schedule.freshDue) {
    effects.push({ type: 'wait' });
    schedule = { ...schedule, freshDue: true };
  }
  return { schedule, effects };
}

/** The grace after a leave is over. */
export function graceOver(before: KeySchedule): KeyStep {
  return before.freshDue ? fresh(before, []) : { schedule: before, effects: [] };
}

function fresh(before: KeySchedule, effects: readonly KeyEffect[]): KeyStep {
  const schedule = { ...before, generation: before.generation + 1, step: 0, freshDue: false };
  const to = [...before.members.values()];
  return {
    schedule,
    effects: [...effects, { type: 'fresh' }, ...(to.length > 0 ? [{ type: 'send' as const, to }] : [])],
  };
}

function isSame(a: Joined | undefined, b: Joined): boolean {
  return a !== undefined && a.number === b.number && addressKey(a.device) === addressKey(b.device);
}
