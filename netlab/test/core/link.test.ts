// The distributions of an emulated link, from fixed seeds, and what must hold for any.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLEAR, type LinkSettings, OneWay } from '../../src/core/link.ts';

const SEED = 20_260_101;
const PACKETS = 200_000;

/** Arrivals of packets of 1,000 bytes, one each `everyMs`. */
function sendAll(settings: Partial<LinkSettings>, everyMs = 1, packets = PACKETS, seed = SEED): readonly number[][] {
  const way = new OneWay({ ...CLEAR, ...settings }, seed);
  return Array.from({ length: packets }, (_, index) => [...way.pass(1_000, index * everyMs)]);
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected} ± ${tolerance}`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test('a clear link delivers at once', () => {
  assert.deepEqual(sendAll({}, 1, 3), [[0], [1], [2]]);
});

test('the delay is what was asked for', () => {
  const arrivals = sendAll({ delayMs: 50 }, 1, 1_000);
  assert.ok(arrivals.every(([atMs], index) => atMs === index + 50));
});

test('jitter has the standard deviation that was asked for, about the delay', () => {
  // Far apart, so that no packet waits for the one before it.
  const delays = sendAll({ delayMs: 100, jitterMs: 10 }, 1_000).map(([atMs], index) => atMs! - index * 1_000);
  near(mean(delays), 100, 0.1, 'mean');
  near(Math.sqrt(mean(delays.map((delay) => (delay - 100) ** 2))), 10, 0.1, 'deviation');
});

test('jitter alone reorders nothing', () => {
  const arrivals = sendAll({ delayMs: 100, jitterMs: 30 }).flat();
  assert.ok(arrivals.every((atMs, index) => index === 0 || atMs >= arrivals[index - 1]!));
});

for (const [loss, lossBurst] of [
  [0.01, 1],
  [0.05, 4],
  [0.3, 10],
] as const) {
  test(`loss of ${loss * 100} % in bursts of ${lossBurst}`, () => {
    const isLost = sendAll({ loss, lossBurst }).map((arrivals) => arrivals.length === 0);
    const lost = isLost.filter(Boolean).length;
    const bursts = isLost.filter((value, index) => value && !isLost[index - 1]).length;
    near(lost / PACKETS, loss, loss * 0.05, 'share');
    near(lost / bursts, Math.max(lossBurst, 1 / (1 - loss)), lossBurst * 0.05, 'burst');
  });
}

test('everything is lost at a loss of 1, and all arrives again after it', () => {
  const way = new OneWay({ ...CLEAR, loss: 1 }, SEED);
  for (let at = 0; at < 100; at++) assert.deepEqual(way.pass(1_000, at), []);
  way.set(CLEAR);
  assert.deepEqual(way.pass(1_000, 100), [100]);
  assert.deepEqual(way.counts, { packets: 101, lost: 100, overflowed: 0, reordered: 0, duplicated: 0 });
});

test('the rate bounds what passes, and the queue how long it waits', () => {
  // 8 Mbit/s offered to 1 Mbit/s: 8 ms a packet.
  const arrivals = sendAll({ rateKbit: 1_000, queueMs: 200 }, 1, 10_000);
  const passed = arrivals.flatMap(([atMs], index) => (atMs === undefined ? [] : [{ atMs, waitMs: atMs - index }]));
  near((passed.length * 8) / passed.at(-1)!.atMs, 1, 0.001, 'share of the rate');
  const longest = Math.max(...passed.map(({ waitMs }) => waitMs));
  assert.ok(longest > 200 && longest <= 208, `waited ${longest} ms`);
});

test('below its rate nothing waits but for its own bits', () => {
  assert.ok(sendAll({ rateKbit: 16_000 }, 1, 1_000).every(([atMs], index) => Math.abs(atMs! - index - 0.5) < 1e-9));
});

test('reordered packets are overtaken, duplicates arrive twice, both as often as asked for', () => {
  const arrivals = sendAll({ delayMs: 20, reorder: 0.1, reorderMs: 5, duplicate: 0.02 });
  const overtaken = arrivals.filter(([atMs], index) => atMs! > (arrivals[index + 1]?.[0] ?? Number.POSITIVE_INFINITY));
  // Not those whose next one is late as well.
  near(overtaken.length / PACKETS, 0.1 * 0.9, 0.003, 'overtaken');
  near(arrivals.filter(({ length }) => length === 2).length / PACKETS, 0.02, 0.002, 'twice');
});

test('the same seed gives the same link, another another', () => {
  const settings = { delayMs: 20, jitterMs: 5, loss: 0.1, reorder: 0.1, duplicate: 0.1 };
  assert.deepEqual(sendAll(settings, 1, 500), sendAll(settings, 1, 500));
  assert.notDeepEqual(sendAll(settings, 1, 500), sendAll(settings, 1, 500, SEED + 1));
});

test('settings that mean nothing are refused', () => {
  for (const wrong of [{ loss: 1.1 }, { delayMs: -1 }, { rateKbit: 0 }, { lossBurst: 0 }, { jitterMs: Number.NaN }])
    assert.throws(() => new OneWay({ ...CLEAR, ...wrong }, SEED), RangeError);
});

test('whatever the settings: nothing arrives before it was sent, and every packet is accounted for', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const ms = fc.double({ min: 0, max: 500, noNaN: true });
  const settings = fc.record({
    ...{ delayMs: ms, jitterMs: ms, queueMs: ms, reorderMs: ms, loss: share, reorder: share, duplicate: share },
    lossBurst: fc.double({ min: 1, max: 50, noNaN: true }),
    rateKbit: fc.double({ min: 1, max: 1e6, noNaN: true }),
  });
  const gaps = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 200 });
  fc.assert(
    fc.property(settings, gaps, fc.nat(), (wanted, waits, seed) => {
      const way = new OneWay(wanted, seed);
      let nowMs = 0;
      let arrived = 0;
      for (const wait of waits) {
        nowMs += wait;
        const times = way.pass(1_200, nowMs);
        assert.ok(times.every((atMs) => atMs >= nowMs));
        arrived += times.length;
      }
      const { packets, lost, overflowed, duplicated } = way.counts;
      assert.equal(packets, waits.length);
      assert.equal(arrived, packets - lost - overflowed + duplicated);
    }),
  );
});
