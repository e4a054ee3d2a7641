import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import fc from 'fast-check';
import { createRoom, step } from '../../src/core/room.ts';
import type { Direction, Effect, RoomEvent, RoomState, Source } from '../../src/core/roomTypes.ts';

const person = (number: number, link = number) => ({
  type: 'join' as const,
  link,
  number,
  accountId: `account-${number}` as AccountId,
  deviceId: 1 as DeviceId,
});

function run(events: readonly RoomEvent[], from = createRoom(8)): { state: RoomState; effects: readonly Effect[] } {
  let state = from;
  let effects: readonly Effect[] = [];
  for (const event of events) ({ state, effects } = step(state, event));
  return { state, effects };
}

const pushes = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'push' ? [`${effect.to}:${effect.push.type}`] : []));
const commands = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'media' ? [JSON.stringify(effect.command)] : []));
const code = (name: string) => ({ name: 'ProtocolError', code: name });

const opened = (link: number, direction: Direction, transportId: string): RoomEvent[] => [
  { type: 'transport-wanted', link, direction },
  { type: 'transport-opened', link, direction, transportId },
];
const published = (link: number, transportId: string, source: Source, producerId: string): RoomEvent[] => [
  { type: 'produce-wanted', link, transportId, source },
  { type: 'produced', link, transportId, source, producerId },
];
/** 1 sends a microphone (p) over s; 2 receives it (c) over r. */
const talking: RoomEvent[] = [
  person(1),
  person(2),
  ...opened(1, 'send', 's'),
  ...opened(2, 'receive', 'r'),
  ...published(1, 's', 'microphone', 'p'),
  { type: 'capable', link: 2 },
  { type: 'consume-wanted', link: 2, transportId: 'r', producerId: 'p' },
  { type: 'consumed', link: 2, transportId: 'r', producerId: 'p', consumerId: 'c' },
];

test("a member's end closes its transports and is told to the others only", () => {
  const { state, effects } = run([...talking, { type: 'leave', link: 1 }]);
  assert.deepEqual(pushes(effects), ['2:producer-closed', '2:member-left']);
  assert.deepEqual(commands(effects), ['{"type":"close-transport","transportId":"s"}']);
  assert.equal(state.consumers.size + state.producers.size, 0);
  assert.deepEqual(run([{ type: 'leave', link: 1 }], state).effects, []);
});

test('a new link of the same number or device replaces the old one', () => {
  const { state, effects } = run([...talking, person(1, 7)]);
  assert.deepEqual(effects[0], { type: 'end', link: 1, code: 'replaced-by-new-connection' });
  assert.deepEqual(pushes(effects), ['2:producer-closed', '2:member-left', '2:member-joined']);
  assert.equal(state.members.get(1)?.link, 7);
  const renumbered = run([{ ...person(3, 8), accountId: 'account-1' as AccountId }], state);
  assert.deepEqual([...renumbered.state.members.keys()].sort(), [2, 3]);
});

test('what the engine opens too late is closed again', () => {
  const late: RoomEvent = { type: 'transport-opened', link: 1, direction: 'send', transportId: 's' };
  const gone = run([person(1), { type: 'transport-wanted', link: 1, direction: 'send' }, person(1, 5), late]);
  assert.deepEqual(commands(gone.effects), ['{"type":"close-transport","transportId":"s"}']);

  const replaced = run([
    person(1),
    ...opened(1, 'send', 's'),
    { type: 'produce-wanted', link: 1, transportId: 's', source: 'camera' },
    ...opened(1, 'send', 's2'),
    { type: 'produced', link: 1, transportId: 's', source: 'camera', producerId: 'v' },
  ]);
  assert.deepEqual(commands(replaced.effects), ['{"type":"producer","producerId":"v","action":"close"}']);

  const closed = run([
    ...talking.slice(0, -1),
    { type: 'producer-asked', link: 1, producerId: 'p', action: 'close' },
    { type: 'consumed', link: 2, transportId: 'r', producerId: 'p', consumerId: 'c' },
  ]);
  assert.deepEqual(commands(closed.effects), ['{"type":"consumer","consumerId":"c","action":"close"}']);
});

test('a failed request frees the place it had reserved', () => {
  const { state } = run([person(1), ...opened(1, 'send', 's')]);
  const wanted: RoomEvent = { type: 'produce-wanted', link: 1, transportId: 's', source: 'screen' };
  const { state: producing } = step(state, wanted);
  assert.throws(() => step(producing, wanted), code('room-limit'));
  const { state: freed } = step(producing, { type: 'produce-failed', link: 1, source: 'screen' });
  step(freed, wanted);
});

test('nobody consumes itself, twice, or before saying what it can decode', () => {
  const { state } = run(talking);
  const consume = (link: number, transportId: string): RoomEvent => ({
    type: 'consume-wanted',
    link,
    transportId,
    producerId: 'p',
  });
  assert.throws(() => step(state, consume(2, 'r')), code('room-limit'));
  assert.throws(() => step(state, consume(2, 's')), code('not-found'));
  const own = run(opened(1, 'receive', 'r1'), state).state;
  assert.throws(() => step(own, consume(1, 'r1')), code('forbidden'));
  const third = run([person(3), ...opened(3, 'receive', 'r3')], state).state;
  assert.throws(() => step(third, consume(3, 'r3')), code('invalid-request'));
});

test('layers are chosen for video, within what VP8 has', () => {
  const video = run([
    ...talking,
    ...published(1, 's', 'camera', 'v'),
    { type: 'consume-wanted', link: 2, transportId: 'r', producerId: 'v' },
    { type: 'consumed', link: 2, transportId: 'r', producerId: 'v', consumerId: 'cv' },
  ]).state;
  const want = (consumerId: string, spatial: number) =>
    step(video, { type: 'layers-wanted', link: 2, consumerId, layers: { spatial, temporal: 0 } });
  assert.deepEqual(commands(want('cv', 2).effects), [
    '{"type":"layers","consumerId":"cv","layers":{"spatial":2,"temporal":0}}',
  ]);
  assert.throws(() => want('cv', 3), code('invalid-request'));
  assert.throws(() => want('c', 0), code('invalid-request'));
  assert.throws(() => want('p', 0), code('not-found'));
});

test('the speaker is announced after two intervals in a row, once, and stays through silence', () => {
  const loudest = (producerId: string | undefined): RoomEvent => ({ type: 'loudest', producerId });
  const room = run([...talking, ...opened(2, 'send', 's2'), ...published(2, 's2', 'microphone', 'q')]).state;
  const heard = (...ids: (string | undefined)[]) => pushes(run(ids.map(loudest), room).effects);
  assert.deepEqual(heard('p'), []);
  assert.deepEqual(heard('p', 'p'), ['1:active-speaker', '2:active-speaker']);
  assert.deepEqual(heard('p', 'p', 'p'), []);
  assert.deepEqual(heard('p', 'q', 'p'), []);
  assert.deepEqual(heard('p', undefined, 'p'), []);
  assert.deepEqual(heard('p', 'p', undefined, 'p', 'p'), []);
  assert.deepEqual(heard('p', 'p', 'q', 'q'), ['1:active-speaker', '2:active-speaker']);
  assert.deepEqual(heard('unknown', 'unknown'), []);
});

/** Any order of any events, with few names so that they meet. */
const anyEvent: fc.Arbitrary<RoomEvent> = (() => {
  const link = fc.integer({ min: 1, max: 6 });
  const number = fc.integer({ min: 1, max: 3 });
  const direction = fc.constantFrom<Direction>('send', 'receive');
  const source = fc.constantFrom<Source>('microphone', 'camera', 'screen');
  const transportId = fc.constantFrom('s1', 's2', 'r1', 'r2');
  const producerId = fc.constantFrom('p1', 'p2', 'p3');
  const consumerId = fc.constantFrom('c1', 'c2', 'c3');
  return fc.oneof(
    fc.tuple(number, link).map(([n, l]) => person(n, l)),
    fc.record({ type: fc.constant('leave' as const), link }),
    fc.record({ type: fc.constant('capable' as const), link }),
    fc.record({ type: fc.constant('transport-wanted' as const), link, direction }),
    fc.record({ type: fc.constant('transport-opened' as const), link, direction, transportId }),
    fc.record({ type: fc.constant('transport-failed' as const), link, direction }),
    fc.record({ type: fc.constant('produce-wanted' as const), link, transportId, source }),
    fc.record({ type: fc.constant('produced' as const), link, transportId, source, producerId }),
    fc.record({
      type: fc.constant('producer-asked' as const),
      link,
      producerId,
      action: fc.constantFrom('pause' as const, 'resume' as const, 'close' as const),
    }),
    fc.record({ type: fc.constant('consume-wanted' as const), link, transportId, producerId }),
    fc.record({ type: fc.constant('consumed' as const), link, transportId, producerId, consumerId }),
    fc.record({ type: fc.constant('loudest' as const), producerId }),
  );
})();

test('whatever happens in whatever order, nothing outlives its owner and no push goes to nobody', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      let state = createRoom(2);
      for (const event of events) {
        let effects: readonly Effect[];
        try {
          ({ state, effects } = step(state, event));
        } catch (error) {
          assert.equal((error as Error).name, 'ProtocolError', String(error));
          continue;
        }
        const links = new Set([...state.members.values()].map((member) => member.link));
        assert.ok(state.members.size <= 2);
        for (const producer of state.producers.values()) assert.ok(state.members.has(producer.number));
        for (const consumer of state.consumers.values()) {
          assert.ok(state.members.has(consumer.number));
          assert.ok(state.producers.has(consumer.producerId));
        }
        for (const effect of effects) if (effect.type === 'push') assert.ok(links.has(effect.to));
      }
    }),
    { numRuns: 500 },
  );
});
