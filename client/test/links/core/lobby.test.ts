import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import fc from 'fast-check';
import type { LinkId } from '../../../src/links/core/link.ts';
import {
  emptyLobby,
  KNOCK_LIFE_MS,
  LOBBY_MAX,
  type Lobby,
  type LobbyEffect,
  type LobbyEvent,
  lobbyDeadline,
  stepLobby,
  TURN_MS,
} from '../../../src/links/core/lobby.ts';

const LINK = { linkId: 'link' as LinkId, group: false, lobby: true, revoked: false };
const from = (name: string) => ({ accountId: name as AccountId, deviceId: 1 as DeviceId });

type KnockEvent = LobbyEvent & { type: 'knock' };
const knock = (name: string, more: Partial<KnockEvent> = {}): KnockEvent => ({
  ...{ type: 'knock', knockId: `${name}-1`, from: from(name), link: LINK, quiet: false, host: 'free', turn: 0 },
  ...more,
});

/** Event by event, all at one time but for those that say when. */
function play(events: readonly (LobbyEvent | number)[], start: Lobby = emptyLobby) {
  let lobby = start;
  let nowMs = 1_000_000;
  const told: string[] = [];
  const wordOf = (effect: LobbyEffect) => {
    switch (effect.type) {
      case 'answer':
        return `${effect.knock.knockId} ${effect.outcome}`;
      case 'let-in':
        return `${effect.knock.knockId} in${effect.bySelf ? ' by itself' : ''}`;
      default:
        return `${effect.knockId} taken`;
    }
  };
  for (const event of events) {
    if (typeof event === 'number') nowMs += event;
    else {
      const step = stepLobby(lobby, event, nowMs);
      lobby = step.lobby;
      told.push(...step.effects.map(wordOf));
    }
  }
  return { lobby, told, waiting: lobby.knocks.map(({ knockId }) => knockId) };
}

test('[CLINK-4] a knock lives as long as it is heard, and does not come back once it is answered', () => {
  const tick = { type: 'tick' } as const;
  const nearly = KNOCK_LIFE_MS - 1;
  assert.deepEqual(play([knock('eve'), nearly, tick, knock('eve'), nearly, tick]).waiting, ['eve-1']);
  assert.deepEqual(play([knock('eve'), KNOCK_LIFE_MS, tick]).waiting, []);
  const refused = play([knock('eve'), { type: 'refuse', knockId: 'eve-1' }, knock('eve')]);
  assert.deepEqual(refused.told, ['eve-1 asked', 'eve-1 refused', 'eve-1 taken']);
  const admitted = play([knock('eve'), { type: 'admit', knockId: 'eve-1' }, knock('eve')]);
  assert.deepEqual([admitted.told.slice(1), admitted.waiting], [['eve-1 in', 'eve-1 taken'], []]);
  assert.deepEqual(play([{ type: 'taken', knockId: 'eve-1' }, knock('eve')]).told, []);
});

test('[CLINK-6] devices of one account take turns in letting in, and the first word counts', () => {
  const link = { ...LINK, lobby: false };
  assert.deepEqual(play([knock('eve', { link })]).told, ['eve-1 in by itself', 'eve-1 taken']);
  const second = play([knock('eve', { link, turn: 2 })]);
  assert.deepEqual(second.told, ['eve-1 asked']);
  assert.equal(lobbyDeadline(second.lobby), 1_000_000 + 2 * TURN_MS);
  const tick = { type: 'tick' } as const;
  assert.deepEqual(play([2 * TURN_MS, tick], second.lobby).told, ['eve-1 in by itself', 'eve-1 taken']);
  assert.deepEqual(play([{ type: 'taken', knockId: 'eve-1' }, 2 * TURN_MS, tick], second.lobby).told, []);
  assert.deepEqual(play([knock('eve', { link, host: 'busy' })]).told, ['eve-1 busy']);
  assert.deepEqual(play([knock('eve', { link, host: 'hosting' })]).told, ['eve-1 busy']);
  const group = { ...link, group: true };
  assert.deepEqual(play([knock('eve', { link: group, host: 'hosting', turn: 3 })]).told.length, 2);
});

test('[CLINK-7] quietly: nothing is said, and nobody comes in but into a call that runs', () => {
  const link = { ...LINK, lobby: false, group: true };
  const quiet = play([knock('eve', { link, quiet: true }), TURN_MS, { type: 'tick' }]);
  assert.deepEqual([quiet.told, quiet.waiting], [[], ['eve-1']]);
  assert.equal(play([knock('eve', { link, quiet: true, host: 'hosting' })]).told.length, 2);
});

test('[CLINK-8] nobody speaks for another: a knock is withdrawn or renewed only by who knocked', () => {
  const stolen = play([
    knock('eve'),
    knock('mal', { knockId: 'eve-1' }),
    { type: 'withdrawn', knockId: 'eve-1', from: 'mal' as AccountId },
  ]);
  assert.equal(stolen.lobby.knocks[0]?.from.accountId, 'eve');
  const left: LobbyEvent = { type: 'withdrawn', knockId: 'eve-1', from: 'eve' as AccountId };
  assert.deepEqual(play([knock('eve'), left, knock('eve')]).waiting, []);
});

test('[CLINK-8] whatever a crowd does, the lobby and what is answered stay bounded', () => {
  const name = fc.integer({ min: 0, max: 400 }).map((n) => `p${n}`);
  const event = fc.oneof(
    fc
      .record({ name, id: fc.nat(3), revoked: fc.boolean() })
      .map(({ name, id, revoked }) => knock(name, { knockId: `${name}-${id}`, link: { ...LINK, revoked } })),
    fc.integer({ min: 1, max: 2_000 }),
    fc.constant({ type: 'tick' } as const),
  );
  fc.assert(
    fc.property(fc.array(event, { minLength: 100, maxLength: 1_000 }), (events) => {
      const { lobby, told } = play(events);
      assert.ok(lobby.knocks.length <= LOBBY_MAX);
      assert.ok(lobby.answered.length <= 64 && lobby.rates.accounts.size <= 256);
      const tookMs = events.reduce<number>((sum, each) => sum + (typeof each === 'number' ? each : 0), 0);
      assert.ok(told.length <= 61 + tookMs / 500);
      const waiting = lobby.knocks.map(({ from: { accountId } }) => accountId);
      assert.equal(new Set(waiting).size, waiting.length);
    }),
    { numRuns: 50 },
  );
});
