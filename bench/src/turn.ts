// The relay beside coturn in the same run, under the same load: ten allocations
// with a channel each, everything on loopback.
import type { World } from '@carillon/e2e';
import type { Row } from './report.ts';
import { median } from './statistics.ts';
import { latencyRows, memoryRow } from './turnCosts.ts';
import { LoadClient } from './turnLoad.ts';
import { startCarillonTurn, startCoturn, type TurnServer } from './turnServers.ts';
import { CLIENTS, relayPackets, SAMPLE_MS, WINDOW, withChannels } from './turnThroughput.ts';

const ROUNDS = 3;
const PATHS = [
  { direction: 'up', bytes: 200 },
  { direction: 'down', bytes: 200 },
  { direction: 'up', bytes: 1200 },
  { direction: 'down', bytes: 1200 },
] as const;

/** Ten at a time, each from a new socket: the challenge, the allocation, its release. */
async function allocationsPerSecond(server: TurnServer): Promise<number> {
  let count = 0;
  const began = performance.now();
  const one = async () => {
    while (performance.now() - began < SAMPLE_MS) {
      const client = await LoadClient.open(server.port, 'allocating');
      // coturn remembers a released allocation for a while and refuses its port, if chance brings it again, by 437.
      const made = await client.allocate().then(
        () => true,
        () => false,
      );
      if (made) {
        await client.release();
        count++;
      }
      client.close();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  return (count / (performance.now() - began)) * 1000;
}

export async function measureTurn(_world: World, say: (words: string) => void): Promise<Row[]> {
  const servers = [await startCarillonTurn()];
  const costs: Row[] = [];
  const samples = new Map<string, number[]>();
  const add = (key: string, value: number) => samples.set(key, [...(samples.get(key) ?? []), value]);
  const loads: { server: TurnServer; clients: LoadClient[] }[] = [];
  try {
    const coturn = await startCoturn();
    if (coturn) servers.push(coturn);
    else say('turn: coturn (turnserver) is not installed: measured without it');
    for (const server of servers) loads.push({ server, clients: await withChannels(server) });
    for (let round = 0; round < ROUNDS; round++) {
      say(`turn: round ${round + 1} of ${ROUNDS}`);
      for (const path of PATHS) {
        for (const { server, clients } of loads) {
          const measured = await relayPackets(server, clients, path);
          add(`${server.name} rate ${path.direction} ${path.bytes}`, measured.packetsPerSecond / 1000);
          add(
            `${server.name} bits ${path.direction} ${path.bytes}`,
            (measured.packetsPerSecond * path.bytes * 8) / 1e6,
          );
          add(`${server.name} cpu ${path.direction} ${path.bytes}`, measured.cpuSecondsPerMillion);
        }
      }
      for (const { server } of loads) add(`${server.name} allocations`, await allocationsPerSecond(server));
    }
    say('turn: latency, memory and workers');
    costs.push(...(await latencyRows(loads)), await memoryRow(servers), ...(await workerRows()));
  } finally {
    for (const { clients } of loads) for (const client of clients) client.close();
    for (const server of servers) await server.stop();
  }
  const row = (what: string, key: string, unit: string, how: string): Row => {
    const beside = samples.get(`coturn ${key}`);
    return {
      ...{ what, unit, value: median(samples.get(`Carillon ${key}`) ?? []) },
      ...(beside ? { beside: { what: 'coturn', value: median(beside) } } : {}),
      how: `${how}, ${ROUNDS} x ${SAMPLE_MS} ms, loopback`,
    };
  };
  return [
    ...PATHS.flatMap(({ direction, bytes }) => [
      row(
        `relayed packets, ${direction}, ${bytes} B`,
        `rate ${direction} ${bytes}`,
        'kpps',
        `${CLIENTS} channels, ${WINDOW} packets under way; the load client takes a core`,
      ),
      row(
        `relayed bits, ${direction}, ${bytes} B`,
        `bits ${direction} ${bytes}`,
        'Mbit/s',
        'payload of the same packets, without headers',
      ),
      row(
        `relay CPU, ${direction}, ${bytes} B`,
        `cpu ${direction} ${bytes}`,
        's/Mpkt',
        'user and kernel time of its process',
      ),
    ]),
    row('allocations', 'allocations', '/s', `${CLIENTS} at a time: challenge, allocation, release`),
    ...costs,
  ];
}

/** What is relayed by one process and by two, and what it costs them. */
async function workerRows(): Promise<Row[]> {
  const measured = new Map<number, { rates: number[]; cpu: number[] }>();
  const servers = new Map<number, TurnServer>();
  try {
    for (const workers of [1, 2]) {
      servers.set(workers, await startCarillonTurn(workers));
      measured.set(workers, { rates: [], cpu: [] });
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [workers, server] of servers) {
        const clients = await withChannels(server, workers);
        const { packetsPerSecond, cpuSecondsPerMillion } = await relayPackets(server, clients, PATHS[0]);
        measured.get(workers)!.rates.push(packetsPerSecond / 1000);
        measured.get(workers)!.cpu.push(cpuSecondsPerMillion);
        for (const client of clients) client.close();
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  const [one, two] = [measured.get(1)!, measured.get(2)!];
  const how = `${CLIENTS} channels, ${ROUNDS} x ${SAMPLE_MS} ms, loopback; the load client takes a core`;
  const row = (what: string, unit: string, key: 'rates' | 'cpu'): Row => ({
    ...{ what, unit, how, value: median(two[key]), beside: { what: 'one process', value: median(one[key]) } },
  });
  return [row('relayed packets by two workers, up, 200 B', 'kpps', 'rates'), row('their CPU', 's/Mpkt', 'cpu')];
}
