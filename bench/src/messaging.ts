// messaging-core under load, beside bare `ws` (the limit of this machine) and
// ejabberd (the peer): deliveries, latency, memory of idle connections, logins,
// and one message to a group of 1,024. Each server is a process of its own, and
// what is compared is its CPU time: the load shares the machine with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { startBareWs } from './messaging/bareWs.ts';
import { type CarillonPeer, startCarillon } from './messaging/carillonPeer.ts';
import { startEjabberd } from './messaging/ejabberd.ts';
import { MEMBERS, measureFanOut } from './messaging/fanOut.ts';
import { type Latencies, paced, saturate, type Throughput } from './messaging/load.ts';
import type { Client, MessagingPeer } from './messaging/peer.ts';
import { startRedisEngine } from './messaging/redisEngine.ts';
import type { Row } from './report.ts';
import { median } from './statistics.ts';

const CLIENTS = 40;
const SECONDS = 4;
const ROUNDS = 3;
/** What the first ones cost is the server's own warming up. */
const IDLE_FIRST = 250;
const IDLE = 2_000;
const LOGINS = 500;
/** Logins under way at once. */
const LOGINS_AT_ONCE = 32;

interface Figures extends Throughput, Latencies {
  readonly name: string;
}

export async function measureMessaging(say: (words: string) => void): Promise<Row[]> {
  const servers: (() => Promise<MessagingPeer | undefined>)[] = [
    startBareWs,
    startEjabberd,
    startCarillon,
    async () => {
      const engine = await startRedisEngine();
      return engine && startCarillon(engine);
    },
  ];
  const all: Figures[] = [];
  for (const start of servers) {
    const figures = await underLoad(start, say);
    if (figures) all.push(figures);
  }
  const idle = new Map<string, number>();
  for (const start of servers) {
    const measured = await idleMemory(start, say);
    if (measured) idle.set(measured.name, measured.bytes);
  }
  return [...deliveryRows(all), ...idleRows(idle), ...(await loginAndGroupRows(say))];
}

/** Median over the rounds, each with a fresh server: what one left in its caches does not help the next. */
async function underLoad(
  start: () => Promise<MessagingPeer | undefined>,
  say: (words: string) => void,
): Promise<Figures | undefined> {
  const rounds: Figures[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const peer = await start();
    if (!peer) return undefined;
    say(`messaging: ${peer.name} under load, round ${round + 1} of ${ROUNDS}`);
    const clients = await peer.connect(CLIENTS);
    const throughput = await saturate(peer, clients, SECONDS);
    const latencies = await paced(clients, throughput.deliveriesPerSecond / 2, SECONDS);
    rounds.push({ name: peer.name, ...throughput, ...latencies });
    for (const client of clients) client.close();
    await peer.stop();
  }
  const of = (key: keyof Throughput | keyof Latencies) => median(rounds.map((round) => round[key]));
  return {
    name: rounds[0]!.name,
    deliveriesPerSecond: of('deliveriesPerSecond'),
    deliveriesPerCpuSecond: of('deliveriesPerCpuSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
  };
}

async function idleMemory(start: () => Promise<MessagingPeer | undefined>, say: (words: string) => void) {
  const peer = await start();
  if (!peer) return undefined;
  say(`messaging: ${IDLE} idle connections at ${peer.name}`);
  const connect = await peer.prepare(IDLE_FIRST + IDLE);
  const first = await inParts(connect, IDLE_FIRST);
  const before = await settled(peer);
  const rest = await inParts(connect, IDLE);
  const bytes = ((await settled(peer)) - before) / rest.length;
  for (const client of [...first, ...rest]) client.close();
  await peer.stop();
  return { name: peer.name, bytes };
}

/** A thousand connections begun at once are refused by a listener's backlog. */
async function inParts(connect: (some: number) => Promise<Client[]>, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  for (let left = count; left > 0; left -= 200) clients.push(...(await connect(Math.min(200, left))));
  return clients;
}

/** V8 gives memory back some seconds after the last allocation, not at once. */
const SETTLE_ROUNDS = 30;

/** What garbage there was is gone by then. */
async function settled(peer: MessagingPeer): Promise<number> {
  let lowest = peer.memoryBytes();
  for (let rounds = 0; rounds < SETTLE_ROUNDS; rounds++) {
    await sleep(500);
    lowest = Math.min(lowest, peer.memoryBytes());
  }
  return lowest;
}

function deliveryRows(all: readonly Figures[]): Row[] {
  const others = all.filter(({ name }) => !name.startsWith('Carillon'));
  const row = (
    figures: Figures,
    key: keyof Throughput | keyof Latencies,
    what: string,
    unit: string,
    how: string,
  ): Row[] => {
    const named = figures.name === 'Carillon' ? what : `${what}, on Redis`;
    return others.map((other) => ({
      what: named,
      value: figures[key],
      unit,
      beside: { what: other.name, value: other[key] },
      how,
    }));
  };
  const load = `${CLIENTS} clients in pairs, 1 KiB, both sides acknowledge; median of ${ROUNDS} x ${SECONDS} s`;
  return all
    .filter(({ name }) => name.startsWith('Carillon'))
    .flatMap((figures) => [
      ...row(figures, 'deliveriesPerCpuSecond', 'deliveries a core', '/s', `${load}; by the server's CPU time`),
      ...row(figures, 'deliveriesPerSecond', 'deliveries', '/s', `${load}; the load shares the machine`),
      ...row(figures, 'p50Ms', 'send to delivery at half load, p50', 'ms', `half of the server's own deliveries/s`),
      ...row(figures, 'p99Ms', 'send to delivery at half load, p99', 'ms', `half of the server's own deliveries/s`),
    ]);
}

function idleRows(idle: ReadonlyMap<string, number>): Row[] {
  const ours = [...idle].filter(([name]) => name.startsWith('Carillon'));
  const others = [...idle].filter(([name]) => !name.startsWith('Carillon'));
  return ours.flatMap(([name, bytes]) =>
    others.map(([other, theirs]) => ({
      what: name === 'Carillon' ? 'memory of an idle connection' : 'memory of an idle connection, on Redis',
      value: bytes / 1024,
      unit: 'KiB',
      beside: { what: other, value: theirs / 1024 },
      how: `resident memory of ${IDLE} more connections, after ${IDLE_FIRST}`,
    })),
  );
}

async function loginAndGroupRows(say: (words: string) => void): Promise<Row[]> {
  const peer = await startCarillon();
  say(`messaging: ${LOGINS} logins, then a group of ${MEMBERS}`);
  const devices = await peer.register(MEMBERS);
  const logins = await loginStorm(peer, devices.slice(0, LOGINS));
  const rest = [];
  for (const device of devices.slice(LOGINS)) rest.push(await peer.login(device));
  const sockets = [...logins.sockets, ...rest];
  const fanOut = await measureFanOut(peer, devices, sockets);
  for (const socket of sockets) socket.close();
  await peer.stop();
  const peerLogins = await ejabberdLogins();
  return [
    {
      what: 'logins a core',
      value: logins.perCpuSecond,
      unit: '/s',
      ...(peerLogins === undefined ? {} : { beside: { what: 'ejabberd, PLAIN', value: peerLogins } }),
      how: `${LOGINS} devices at once: challenge, signature, token, socket, welcome; by the server's CPU time`,
    },
    {
      what: `one message to a group of ${MEMBERS}, until all have it`,
      value: fanOut.allReachedMs,
      unit: 'ms',
      how: 'all connected; median of 10',
    },
    {
      what: 'group deliveries a core',
      value: fanOut.deliveriesPerCpuSecond,
      unit: '/s',
      how: "the same, by the server's CPU time",
    },
  ];
}

async function loginStorm(peer: CarillonPeer, devices: Awaited<ReturnType<CarillonPeer['register']>>) {
  const before = peer.cpuSeconds();
  const waiting = [...devices];
  const opened = new Map<(typeof devices)[number], Awaited<ReturnType<CarillonPeer['login']>>>();
  const worker = async () => {
    for (let device = waiting.shift(); device; device = waiting.shift()) opened.set(device, await peer.login(device));
  };
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, worker));
  return {
    perCpuSecond: devices.length / (peer.cpuSeconds() - before),
    sockets: devices.map((device) => opened.get(device)!),
  };
}

async function ejabberdLogins(): Promise<number | undefined> {
  const peer = await startEjabberd();
  if (!peer) return undefined;
  const before = peer.cpuSeconds();
  const clients = await inParts(peer.connect, LOGINS);
  const perCpuSecond = LOGINS / (peer.cpuSeconds() - before);
  for (const client of clients) client.close();
  await peer.stop();
  return perCpuSecond;
}
