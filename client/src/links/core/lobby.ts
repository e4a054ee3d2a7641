// Who knocks at this account's call links, as one of its devices sees it.
//
// The theory. A knock is repeated while its sender waits, so it lives as long as
// it is heard. The person answers it, or the device does: a link without a lobby
// lets everybody in, and a link that was taken back, or that nobody can come in
// by, says so. Several own devices hear the same knock. Whichever answers tells
// the others; of those that would let in by themselves, each later one waits a
// little longer for that word, so that one call is begun and not two.
//
// Whoever does not know a link's id hears nothing at all: not even that somebody
// is there [PRES-16].
import type { AccountId, Address } from '@carillon/protocol';
import type { LinkId } from './link.ts';
import { allow, noRates, type Rates } from './rates.ts';

/** Knocks shown at once. More could not be overlooked any more. */
export const LOBBY_MAX = 16;
/** Without being repeated a knock is gone; it is repeated every 20 seconds (joining.ts), which may once be lost. */
export const KNOCK_LIFE_MS = 50_000;
/** Between two own devices that would let in by themselves; longer than it takes to hear of the other. */
export const TURN_MS = 1_500;
/** Devices beyond it share the last turn. */
const TURNS_MAX = 4;
/** Answers remembered, so that a knock on its way does not come back. */
const ANSWERED_MAX = 64;

export type KnockOutcome = 'asked' | 'refused' | 'revoked' | 'busy' | 'failed';

export interface Knock {
  readonly knockId: string;
  readonly linkId: LinkId;
  readonly from: Address;
  readonly sinceMs: number;
  readonly heardAtMs: number;
  /** When this device lets them in by itself. */
  readonly admitAtMs: number | undefined;
}

export interface Lobby {
  readonly knocks: readonly Knock[];
  readonly rates: Rates;
  readonly answered: readonly string[];
}

export const emptyLobby: Lobby = { knocks: [], rates: noRates, answered: [] };

/** What the device knows of the link that was knocked at. */
export interface KnockedLink {
  readonly linkId: LinkId;
  readonly group: boolean;
  readonly lobby: boolean;
  readonly revoked: boolean;
}

export type LobbyEvent =
  | {
      readonly type: 'knock';
      readonly knockId: string;
      readonly from: Address;
      readonly link: KnockedLink;
      /** Nothing is to be done by itself: the person does not want to be disturbed. */
      readonly quiet: boolean;
      /** Whether a call can be begun here; `hosting`: the call of this link runs here. */
      readonly host: 'free' | 'busy' | 'hosting';
      /** This device among those of the account, from 0. */
      readonly turn: number;
    }
  | { readonly type: 'withdrawn'; readonly knockId: string; readonly from: AccountId }
  /** Another own device has answered. */
  | { readonly type: 'taken'; readonly knockId: string }
  // The person
  | { readonly type: 'admit'; readonly knockId: string }
  | { readonly type: 'refuse'; readonly knockId: string }
  | { readonly type: 'revoked'; readonly linkId: LinkId }
  | { readonly type: 'tick' };

export type LobbyEffect =
  | { readonly type: 'answer'; readonly knock: Pick<Knock, 'knockId' | 'from'>; readonly outcome: KnockOutcome }
  /** Begin the call with them, or bring them into it. */
  | { readonly type: 'let-in'; readonly knock: Knock; readonly bySelf: boolean }
  | { readonly type: 'tell-taken'; readonly knockId: string };

export interface LobbyStep {
  readonly lobby: Lobby;
  readonly effects: readonly LobbyEffect[];
}

const stay = (lobby: Lobby, effects: readonly LobbyEffect[] = []): LobbyStep => ({ lobby, effects });
const find = (lobby: Lobby, knockId: string) => lobby.knocks.find((knock) => knock.knockId === knockId);

function without(lobby: Lobby, gone: (knock: Knock) => boolean): Lobby {
  return { ...lobby, knocks: lobby.knocks.filter((knock) => !gone(knock)) };
}

/** Out of the lobby, and not to come back. */
function settled(lobby: Lobby, knockId: string): Lobby {
  const answered = [...lobby.answered.filter((id) => id !== knockId), knockId].slice(-ANSWERED_MAX);
  return { ...without(lobby, (knock) => knock.knockId === knockId), answered };
}

function letIn(lobby: Lobby, knock: Knock, bySelf: boolean): LobbyStep {
  const { knockId } = knock;
  return stay(settled(lobby, knockId), [
    { type: 'let-in', knock, bySelf },
    { type: 'tell-taken', knockId },
  ]);
}

function knocked(before: Lobby, event: LobbyEvent & { type: 'knock' }, nowMs: number): LobbyStep {
  const { knockId, from, link, quiet, host, turn } = event;
  if (before.answered.includes(knockId)) return stay(before);
  const rates = allow(before.rates, from.accountId, nowMs);
  if (!rates) return stay(before);
  const lobby = { ...before, rates };
  const known = find(lobby, knockId);
  // Who heard the id of another's knock cannot speak for them.
  if (known && known.from.accountId !== from.accountId) return stay(lobby);
  const answer = (outcome: KnockOutcome): LobbyEffect => ({ type: 'answer', knock: { knockId, from }, outcome });
  if (link.revoked) return stay(settled(lobby, knockId), [answer('revoked')]);
  if (known) {
    const knocks = lobby.knocks.map((knock) => (knock === known ? { ...known, from, heardAtMs: nowMs } : knock));
    return stay({ ...lobby, knocks });
  }
  const { linkId } = link;
  const knock: Knock = { knockId, linkId, from, sinceMs: nowMs, heardAtMs: nowMs, admitAtMs: undefined };
  if (!link.lobby && host === 'hosting' && link.group) return letIn(lobby, knock, true);
  if (!link.lobby && !quiet && host !== 'free') return stay(settled(lobby, knockId), [answer('busy')]);
  // One person knocks once: what they tried before is over.
  const others = lobby.knocks.filter((other) => other.from.accountId !== from.accountId || other.linkId !== linkId);
  if (others.length >= LOBBY_MAX) return stay(lobby, [answer('busy')]);
  const isBySelf = !link.lobby && !quiet;
  if (isBySelf && turn === 0) return letIn({ ...lobby, knocks: others }, knock, true);
  const admitAtMs = isBySelf ? nowMs + Math.min(turn, TURNS_MAX) * TURN_MS : undefined;
  const next = { ...lobby, knocks: [...others, { ...knock, admitAtMs }] };
  return stay(next, quiet ? [] : [answer('asked')]);
}

function ticked(lobby: Lobby, nowMs: number): LobbyStep {
  let next = without(lobby, ({ heardAtMs }) => nowMs >= heardAtMs + KNOCK_LIFE_MS);
  const effects: LobbyEffect[] = [];
  for (const knock of next.knocks) {
    if (knock.admitAtMs === undefined || nowMs < knock.admitAtMs) continue;
    const step = letIn(next, knock, true);
    next = step.lobby;
    effects.push(...step.effects);
  }
  return stay(next, effects);
}

export function stepLobby(lobby: Lobby, event: LobbyEvent, nowMs: number): LobbyStep {
  switch (event.type) {
    case 'knock':
      return knocked(lobby, event, nowMs);
    case 'withdrawn': {
      const isTheirs = find(lobby, event.knockId)?.from.accountId === event.from;
      return stay(isTheirs ? settled(lobby, event.knockId) : lobby);
    }
    case 'taken':
      return stay(settled(lobby, event.knockId));
    case 'admit': {
      const knock = find(lobby, event.knockId);
      return knock ? letIn(lobby, knock, false) : stay(lobby);
    }
    case 'refuse': {
      const knock = find(lobby, event.knockId);
      if (!knock) return stay(lobby);
      return stay(settled(lobby, knock.knockId), [
        { type: 'answer', knock, outcome: 'refused' },
        { type: 'tell-taken', knockId: knock.knockId },
      ]);
    }
    case 'revoked': {
      const gone = lobby.knocks.filter(({ linkId }) => linkId === event.linkId);
      const effects = gone.map((knock): LobbyEffect => ({ type: 'answer', knock, outcome: 'revoked' }));
      return stay(
        gone.reduce((left, { knockId }) => settled(left, knockId), lobby),
        effects,
      );
    }
    case 'tick':
      return ticked(lobby, nowMs);
    default:
      return event satisfies never;
  }
}

/** When a `tick` is due, Unix milliseconds. */
export function lobbyDeadline({ knocks }: Lobby): number | undefined {
  const due = knocks.map(({ heardAtMs, admitAtMs }) => Math.min(heardAtMs + KNOCK_LIFE_MS, admitAtMs ?? Infinity));
  return due.length === 0 ? undefined : Math.min(...due);
}
