// Real packets through emulated links: delay, loss and rate are what was set,
// as far as this machine's clocks and processors allow.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Endpoint, type Host, Lab, type Link, Probe } from '../src/lab.ts';
import { inLab } from './inLab.ts';

/** IP and UDP headers. */
const HEADER_BYTES = 28;

inLab('links', () => {
  let lab: Lab;
  let host: Host;
  let link: Link;
  let server: Probe;
  let device: Probe;
  let to: Endpoint;

  before(async () => {
    lab = Lab.open();
    host = lab.host().join('internet');
    link = await lab.link(host, {});
    server = new Probe(lab.internet);
    device = new Probe(host.namespace);
    const address = lab.servers[0]!;
    to = { address, port: await server.serve(address) };
    // The first packets find code that no compiler has seen yet.
    await device.trips({ to, count: 200, everyMs: 2, bytes: 100, waitMs: 100 });
  });
  after(() => {
    server?.close();
    device?.close();
    lab?.close();
  });

  test('a clear link adds little', async (context) => {
    const trips = await device.trips({ to, count: 300, everyMs: 3, bytes: 200, waitMs: 200 });
    assert.equal(trips.length, 300);
    const [p50, p95, p10] = percentiles(trips.map(({ roundTripMs }) => roundTripMs));
    context.diagnostic(`round trip p50 ${p50.toFixed(2)} ms, p95 ${p95.toFixed(2)} ms`);
    assert.ok(p10 < 5, `p10 ${p10} ms`);
  });

  for (const delayMs of [25, 50]) {
    test(`${delayMs} ms each way are a round trip of ${2 * delayMs} ms`, async (context) => {
      await link.set({ delayMs });
      const trips = await device.trips({ to, count: 300, everyMs: 3, bytes: 200, waitMs: 300 });
      assert.equal(trips.length, 300);
      const [p50, p95, p10] = percentiles(trips.map(({ roundTripMs }) => roundTripMs - 2 * delayMs));
      context.diagnostic(`error p50 ${p50.toFixed(2)} ms, p95 ${p95.toFixed(2)} ms`);
      // A busy machine makes many late, as a stall of its own; not all, and none early.
      assert.ok(p10 > -1.5 && p10 < 5, `off by ${p10} ms`);
    });
  }

  test('loss on the way up and on the way down, in the link’s own count too', async (context) => {
    await link.set({ up: { loss: 0.1, lossBurst: 3 }, down: { loss: 0.05 } });
    const from = await link.report();
    // At a pace that fits into the sockets' buffers where a process has to wait for a processor.
    const count = 1_500;
    const trips = await device.trips({ to, count, everyMs: 2, bytes: 200, waitMs: 1_000 });
    const { up, down } = await link.report();
    const lost = { up: up.lost - from.up.lost, down: down.lost - from.down.lost };
    context.diagnostic(`lost ${lost.up} of ${count} up, ${lost.down} down`);
    // Nothing but the link loses packets here.
    assert.equal(trips.length, count - lost.up - lost.down);
    assert.ok(Math.abs(lost.up / count - 0.1) < 0.04, `${lost.up} of ${count}`);
    assert.ok(Math.abs(lost.down / (count - lost.up) - 0.05) < 0.02, `${lost.down}`);
  });

  test('a rate of 1 Mbit/s is that, and what is too much is dropped', async (context) => {
    await link.set({ up: { rateKbit: 1_000, queueMs: 100 } });
    // Twice of what it carries, for two seconds.
    const bytes = 1_000;
    const trips = await device.trips({ to, count: 500, everyMs: 4, bytes, waitMs: 300 });
    const seconds = (trips.at(-1)!.atMs - trips[0]!.atMs) / 1_000;
    const kbit = ((trips.length - 1) * (bytes + HEADER_BYTES) * 8) / 1_000 / seconds;
    const [p50] = percentiles(trips.map(({ roundTripMs }) => roundTripMs));
    context.diagnostic(`${kbit.toFixed(0)} kbit/s, waited ${p50.toFixed(0)} ms`);
    assert.ok(kbit > 950 && kbit < 1_030, `${kbit} kbit/s`);
    assert.ok(p50 > 90 && p50 < 130, `waited ${p50} ms`);
  });

  test('reordering and duplicates arrive as such', async () => {
    await link.set({ up: { delayMs: 10, reorder: 0.1, reorderMs: 15, duplicate: 0.05 } });
    const from = await link.report();
    const trips = await device.trips({ to, count: 500, everyMs: 3, bytes: 100, waitMs: 200 });
    const { up } = await link.report();
    const overtaken = trips.filter(({ number }, index) => index > 0 && number < trips[index - 1]!.number);
    assert.ok(overtaken.length > 20 && overtaken.length < 80, String(overtaken.length));
    assert.equal(trips.length, 500 + up.duplicated - from.up.duplicated);
  });

  test('a NAT may stand behind a bad link', async () => {
    const nat = lab.nat('cone');
    await lab.link(nat, { delayMs: 30 });
    const inside = new Probe(lab.host().join(nat).namespace);
    try {
      const trips = await inside.trips({ to, count: 20, everyMs: 5, bytes: 100, waitMs: 200 });
      assert.equal(trips.length, 20);
      assert.ok(trips.every(({ roundTripMs }) => roundTripMs > 58));
    } finally {
      inside.close();
    }
  });
});

function percentiles(values: readonly number[]): readonly [p50: number, p95: number, p10: number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)]!;
  return [at(0.5), at(0.95), at(0.1)];
}
