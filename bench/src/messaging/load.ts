// The load, the same for every server: as fast as it goes, and at a given rate.
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../statistics.ts';
import type { Client, MessagingPeer } from './peer.ts';

/** Sends of one client that the server has not answered yet. */
const WINDOW = 8;
const TICK_MS = 5;

export interface Throughput {
  readonly deliveriesPerSecond: number;
  /** Of the server's CPU time: what one core would do if it did nothing else. */
  readonly deliveriesPerCpuSecond: number;
}

/** Every client keeps its window full. */
export async function saturate(peer: MessagingPeer, clients: readonly Client[], seconds: number): Promise<Throughput> {
  let delivered = 0;
  let running = true;
  for (const client of clients) {
    client.onDelivered = () => {
      delivered++;
    };
    client.onAccepted = () => {
      if (running) client.send(0);
    };
  }
  for (const client of clients) for (let n = 0; n < WINDOW; n++) client.send(0);
  await sleep(500);
  const before = { delivered, cpu: peer.cpuSeconds(), at: performance.now() };
  await sleep(seconds * 1000);
  const count = delivered - before.delivered;
  const cpu = peer.cpuSeconds() - before.cpu;
  const elapsed = (performance.now() - before.at) / 1000;
  running = false;
  await quiet(() => delivered);
  return { deliveriesPerSecond: count / elapsed, deliveriesPerCpuSecond: count / cpu };
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends at a steady rate over all clients; from the send to its arrival at the other client. */
export async function paced(clients: readonly Client[], perSecond: number, seconds: number): Promise<Latencies> {
  const latenciesMs: number[] = [];
  for (const client of clients) {
    client.onAccepted = () => {};
    client.onDelivered = (mark) => latenciesMs.push(performance.now() - mark);
  }
  const began = performance.now();
  let sent = 0;
  let next = 0;
  while (performance.now() - began < seconds * 1000) {
    const due = ((performance.now() - began) / 1000) * perSecond;
    for (; sent < due; sent++) clients[next++ % clients.length]!.send(performance.now());
    await sleep(TICK_MS);
  }
  await quiet(() => latenciesMs.length);
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) };
}

/** Resolves when a count has stood still for a quarter of a second. */
export async function quiet(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await sleep(250);
  }
}
