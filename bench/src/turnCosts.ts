// What a relay adds to a packet's way, and what an allocation holds of memory.
import { setTimeout as pause } from 'node:timers/promises';
import type { Row } from './report.ts';
import { quantile } from './statistics.ts';
import { type Direction, LoadClient } from './turnLoad.ts';
import { startCarillonTurn, startCoturn, type TurnServer } from './turnServers.ts';

/** A few calls: what waits then waits for the relay, not for a full link. */
const PACKETS_PER_MS = 2;
const LATENCY_MS = 1_200;
const ROUNDS = 3;
/** Enough that a heap's first steps don't count. */
const ALLOCATIONS = 800;
const AT_ONCE = 20;

/** The milliseconds that each packet took. */
async function taken(client: LoadClient, direction: Direction): Promise<number[]> {
  const samples: number[] = [];
  const path = client.path(direction, 200, (sentAtMs) => samples.push(performance.now() - sentAtMs));
  const ends = performance.now() + LATENCY_MS;
  while (performance.now() < ends) {
    for (let n = 0; n < PACKETS_PER_MS; n++) path.send();
    await pause(1);
  }
  await pause(100);
  path.stop();
  return samples;
}

/** In turns, so that what else the machine does disturbs all alike. */
export async function latencyRows(
  loads: readonly { server: TurnServer; clients: readonly LoadClient[] }[],
): Promise<Row[]> {
  const direct: number[] = [];
  const relayed = new Map(loads.map(({ server }) => [server.name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    direct.push(...(await taken(loads[0]!.clients[0]!, 'direct')));
    for (const { server, clients } of loads)
      for (const direction of ['up', 'down'] as const)
        relayed.get(server.name)!.push(...(await taken(clients[0]!, direction)));
  }
  return [0.5, 0.99].map((share) => {
    const added = (name: string) => 1000 * (quantile(relayed.get(name) ?? [], share) - quantile(direct, share));
    return {
      what: `added latency, p${share * 100}`,
      unit: 'us',
      value: added('Carillon'),
      ...(relayed.has('coturn') ? { beside: { what: 'coturn', value: added('coturn') } } : {}),
      how: `200 B up and down, ${PACKETS_PER_MS} packets a ms, less the same without a relay (${(1000 * quantile(direct, share)).toFixed(0)} us)`,
    };
  });
}

/** Of servers of their own: what the measured ones hold is of other loads. */
export async function memoryRow(beside: readonly TurnServer[]): Promise<Row> {
  const coturn = beside.length > 1 ? await bytesPerAllocation(startCoturn) : undefined;
  return {
    what: 'memory of an allocation',
    unit: 'KiB',
    value: (await bytesPerAllocation(startCarillonTurn)) / 1024,
    ...(coturn === undefined ? {} : { beside: { what: 'coturn', value: coturn / 1024 } }),
    how: `resident memory after ${ALLOCATIONS} allocations with a channel, less that before`,
  };
}

async function bytesPerAllocation(start: () => Promise<TurnServer | undefined>): Promise<number> {
  const server = await start();
  if (!server) return Number.NaN;
  const clients: LoadClient[] = [];
  const open = async (count: number) => {
    const opened = await Promise.all(
      Array.from({ length: count }, (_, n) => LoadClient.open(server.port, `memory${clients.length + n}`)),
    );
    clients.push(...opened);
    for (const client of opened) {
      await client.allocate();
      await client.bind();
    }
  };
  try {
    // The code itself is loaded and compiled by then.
    await open(AT_ONCE);
    const before = server.residentBytes();
    while (clients.length < ALLOCATIONS + AT_ONCE) await open(AT_ONCE);
    return (server.residentBytes() - before) / ALLOCATIONS;
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}
