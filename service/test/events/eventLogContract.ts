// What every event log promises, whichever engine it is on.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import { type CarillonEvent, EventConsumer, type EventLog, silentLog } from '../../src/index.ts';

export interface EventLogEngine {
  readonly name: string;
  /** A log of the test's own; `open` opens the same one again, after `close` of the one before. */
  make(t: TestContext): Promise<{ open(): Promise<EventLog> }>;
}

export function delivered(count: number): CarillonEvent {
  return {
    type: 'envelopes-delivered',
    accountId: 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId,
    deviceId: 1 as DeviceId,
    count,
  };
}

export const countOf = ({ event }: { event: CarillonEvent }) =>
  event.type === 'envelopes-delivered' ? event.count : 0;

export function eventLogContract(engine: EventLogEngine): void {
  const opened = async (t: TestContext) => {
    const { open } = await engine.make(t);
    const log = await open();
    t.after(() => log.close());
    return log;
  };
  const reopened = async (t: TestContext, before: EventLog, open: () => Promise<EventLog>) => {
    await before.close();
    const log = await open();
    t.after(() => log.close());
    return log;
  };

  test(`[EVENT-1] ${engine.name}: events come back whole, in the order in which they were appended`, async (t) => {
    const log = await opened(t);
    await Promise.all([1, 2, 3].map((n) => log.append(delivered(n), 1_000 + n)));
    const read = await log.read('a', 10, 0);
    assert.deepEqual(
      read.map(({ event, atMs }) => ({ event, atMs })),
      [1, 2, 3].map((n) => ({ event: delivered(n), atMs: 1_000 + n })),
    );
    assert.equal(new Set(read.map(({ position }) => position)).size, 3);
  });

  test(`[EVENT-2] ${engine.name}: each named consumer gets everything, each at its own pace`, async (t) => {
    const log = await opened(t);
    for (const n of [1, 2, 3]) await log.append(delivered(n), 0);
    assert.deepEqual((await log.read('a', 2, 0)).map(countOf), [1, 2]);
    assert.deepEqual((await log.read('b', 10, 0)).map(countOf), [1, 2, 3]);
    assert.deepEqual((await log.read('a', 10, 0)).map(countOf), [3]);
    assert.deepEqual(await log.read('a', 10, 0), []);
  });

  test(`[EVENT-3] ${engine.name}: a consumer goes on after what it committed, and sees the rest again`, async (t) => {
    const { open } = await engine.make(t);
    const first = await open();
    for (const n of [1, 2, 3, 4]) await first.append(delivered(n), 0);
    const read = await first.read('a', 3, 0);
    await first.commit('a', read[1]!.position);
    const second = await reopened(t, first, open);
    const again: number[] = [];
    while (again.length < 2) again.push(...(await second.read('a', 10, 0)).map(countOf));
    assert.deepEqual(again, [3, 4]);
    assert.deepEqual(
      (await second.read('new', 10, 0)).map(countOf),
      [1, 2, 3, 4],
      'a new consumer begins at the oldest',
    );
  });

  test(`[EVENT-5] ${engine.name}: a reader waits for the next event, up to its bound`, async (t) => {
    const log = await opened(t);
    assert.deepEqual(await log.read('a', 10, 20), []);
    const waiting = log.read('a', 10, 30_000);
    await log.append(delivered(7), 0);
    assert.deepEqual((await waiting).map(countOf), [7]);
    const last = log.read('a', 10, 30_000);
    await log.close();
    assert.deepEqual(await last, [], 'a close answers it');
  });

  test(`[EVENT-6] ${engine.name}: the log keeps the newest; who is further behind goes on with the oldest there is`, async (t) => {
    const log = await opened(t);
    for (let n = 1; n <= 50; n++) await log.append(delivered(n), 0);
    await log.trim(10);
    assert.deepEqual(
      (await log.read('late', 100, 0)).map(countOf),
      Array.from({ length: 10 }, (_, index) => 41 + index),
    );
    await log.append(delivered(51), 0);
    assert.deepEqual((await log.read('late', 100, 0)).map(countOf), [51]);
  });

  test(`${engine.name}: a consumer at work commits up to the first event that is not done`, async (t) => {
    const { open } = await engine.make(t);
    const first = await open();
    for (const n of [1, 2, 3, 4]) await first.append(delivered(n), 0);
    let finish = () => {};
    const started: number[] = [];
    const all = Promise.withResolvers<void>();
    const consumer = new EventConsumer({
      events: first,
      name: 'a',
      log: silentLog,
      handle: (recorded) => {
        started.push(countOf(recorded));
        if (started.length === 4) all.resolve();
        if (countOf(recorded) === 2) throw new Error('one that fails counts as done');
        // The third one takes its time, and the fourth does not wait for it.
        if (countOf(recorded) === 3) return new Promise((resolve) => (finish = resolve));
      },
    });
    await all.promise;
    await consumer.stop();
    const second = await reopened(t, first, open);
    await consumer.ended;
    finish();
    assert.deepEqual(started, [1, 2, 3, 4]);
    assert.deepEqual((await second.read('a', 10, 0)).map(countOf), [3, 4]);
  });
}
