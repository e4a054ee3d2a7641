// The relay beside coturn in the same run, under the same load: ten allocations
// with a channel each, everything on loopback.
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from '@carillon/e2e';
import type { Row } from './report.ts';
import { median } from './statistics.ts';
import { LoadClient } from './turnLoad.ts';
import { startCarillonTurn, startCoturn, type TurnServer } from './turnServers.ts';

const CLIENTS = 10;
const ROUNDS = 3;
const SAMPLE_MS = 600;
/** Packets under way at once: enough to keep a relay busy, little enough that no buffer overflows. */
const WINDOW = 200;
const PATHS = [
  { direction: 'up', bytes: 200 },
  { direction: 'down', bytes: 200 },
  { direction: 'up', bytes: 1200 },
  { direction: 'down', bytes: 1200 },
] as const;

interface Measured {
  readonly packetsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
}

/** Sends as fast as packets arrive; what is lost is made up for. */
async function relayPackets(
  server: TurnServer,
  clients: readonly LoadClient[],
  { direction, bytes }: (typeof PATHS)[number],
): Promise<Measured> {
  let arrived = 0;
  let sending = true;
  const paths = clients.map((client) => {
    const path = client.path(direction, bytes, () => {
      arrived++;
      if (sending) path.send();
    });
    return path;
  });
  const fill = () => {
    for (let n = 0; n < WINDOW; n++) paths[n % paths.length]!.send();
  };
  let seen = 0;
  const refill = setInterval(() => {
    if (arrived === seen) fill();
    seen = arrived;
  }, 20);
  fill();
  await pause(50);
  const [fromPackets, fromCpu, fromMs] = [arrived, server.cpuSeconds(), performance.now()];
  await pause(SAMPLE_MS);
  const [packets, cpu, ms] = [arrived - fromPackets, server.cpuSeconds() - fromCpu, performance.now() - fromMs];
  sending = false;
  clearInterval(refill);
  await pause(50);
  for (const path of paths) path.stop();
  return { packetsPerSecond: (packets / ms) * 1000, cpuSecondsPerMillion: (cpu / packets) * 1e6 };
}

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

function openClients(server: TurnServer, user: string): Promise<LoadClient[]> {
  return Promise.all(Array.from({ length: CLIENTS }, (_, n) => LoadClient.open(server.port, `${user}${n}`)));
}

async function withChannels(server: TurnServer): Promise<LoadClient[]> {
  const clients = await openClients(server, 'relaying');
  for (const client of clients) {
    await client.allocate();
    await client.bind();
  }
  return clients;
}

export async function measureTurn(_world: World, say: (words: string) => void): Promise<Row[]> {
  const servers = [await startCarillonTurn()];
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
          add(`${server.name} cpu ${path.direction} ${path.bytes}`, measured.cpuSecondsPerMillion);
        }
      }
      for (const { server } of loads) add(`${server.name} allocations`, await allocationsPerSecond(server));
    }
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
        `relay CPU, ${direction}, ${bytes} B`,
        `cpu ${direction} ${bytes}`,
        's/Mpkt',
        'user and kernel time of its process',
      ),
    ]),
    row('allocations', 'allocations', '/s', `${CLIENTS} at a time: challenge, allocation, release`),
  ];
}
