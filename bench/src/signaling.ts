// Signaling under whole calls: how many a core carries, what one that is held
// takes of memory, and how long an accept takes; beside the same frames through
// bare `ws` (the limit of this machine), and beside PeerServer (the peer).
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Row } from './report.ts';
import { type Issuer, openIssuer } from './signaling/issuer.ts';
import type { HeldFigures, LoadFigures, LoadOrder } from './signaling/loadProcess.ts';
import {
  type SignalingServer,
  type Start,
  startBareRelay,
  startCarillon,
  startCarillonOnRedis,
  startPeerJs,
} from './signaling/servers.ts';
import { median } from './statistics.ts';

/** Each within what one device may relay in a second. */
const PAIRS = 300;
const SECONDS = 4;
const ROUNDS = 3;
const HELD = 2_000;
const HELD_SECONDS = 5;
/** A load that is not done by then will not be. */
const LOAD_MS_MAX = 180_000;
const STARTS: readonly Start[] = [startBareRelay, startPeerJs, startCarillon, startCarillonOnRedis];

type Order = Pick<LoadOrder, 'what' | 'pairs' | 'seconds'>;

async function ordered<Figures>(server: SignalingServer, { privateJwk: jwk }: Issuer, wanted: Order): Promise<Figures> {
  const { kind, url, pids } = server;
  const order: LoadOrder = { ...wanted, kind, url, pids, jwk };
  const file = fileURLToPath(new URL('./signaling/loadProcess.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(order)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const late = setTimeout(() => child.kill('SIGKILL'), LOAD_MS_MAX);
  const exited = once(child, 'exit').finally(() => clearTimeout(late));
  const [figures] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error(`the load on ${server.name} failed`))),
  ])) as [Figures];
  await exited;
  return figures;
}

/** A fresh server for each: what one load left in its heap does not count for the next. */
async function measured<Figures>(start: Start, issuer: Issuer, order: Order) {
  const server = await start(issuer);
  if (!server) return undefined;
  try {
    return { name: server.name, figures: await ordered<Figures>(server, issuer, order) };
  } finally {
    await server.stop();
  }
}

export async function measureSignaling(say: (words: string) => void): Promise<Row[]> {
  const issuer = await openIssuer();
  const loads = new Map<string, LoadFigures[]>();
  const fresh = new Map<string, LoadFigures[]>();
  const held = new Map<string, HeldFigures>();
  const take = <Figures>(into: Map<string, Figures[]>, taken: { name: string; figures: Figures } | undefined) => {
    if (taken) into.set(taken.name, [...(into.get(taken.name) ?? []), taken.figures]);
  };
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      say(`signaling: round ${round} of ${ROUNDS}`);
      for (const start of STARTS)
        take(loads, await measured<LoadFigures>(start, issuer, { what: 'load', pairs: PAIRS, seconds: SECONDS }));
      for (const start of [startBareRelay, startCarillon])
        take(fresh, await measured<LoadFigures>(start, issuer, { what: 'fresh', pairs: 50, seconds: SECONDS }));
    }
    for (const start of STARTS) {
      const order = { what: 'hold', pairs: HELD, seconds: HELD_SECONDS } as const;
      const taken = await measured<HeldFigures>(start, issuer, order);
      if (taken) say(`signaling: ${taken.name} held ${HELD} calls`);
      if (taken) held.set(taken.name, taken.figures);
    }
  } finally {
    issuer.close();
  }
  return [...loadRows(loads), ...freshRows(fresh), ...heldRows(held)];
}

type Rows = (what: string, unit: string, how: string, value: (name: string) => number) => Row[];

/** Each of ours beside each of the others. */
function comparing(names: readonly string[]): Rows {
  const ours = names.filter((name) => name.startsWith('Carillon'));
  const others = names.filter((name) => !name.startsWith('Carillon'));
  return (what, unit, how, value) =>
    ours.flatMap((name) =>
      others.map((other) => ({
        ...{ what: name === 'Carillon' ? what : `${what}, on Redis`, value: value(name), unit },
        ...{ beside: { what: other, value: value(other) }, how },
      })),
    );
}

function loadRows(loads: ReadonlyMap<string, readonly LoadFigures[]>): Row[] {
  const rows = comparing([...loads.keys()]);
  const of = (key: keyof LoadFigures) => (name: string) => median(loads.get(name)!.map((figures) => figures[key]));
  const how = `${PAIRS} pairs, whole calls with 14 sealed blobs; median of ${ROUNDS} x ${SECONDS} s`;
  return [
    ...rows('calls a core of signaling', '/s', `${how}; by the CPU time of its process`, of('callsPerCpuSecond')),
    ...rows('calls a core, all it needs counted', '/s', how, of('callsPerCpuSecondOfAll')).filter(({ what }) =>
      what.endsWith('Redis'),
    ),
    ...rows('calls', '/s', `${how}; the load shares the machine`, of('callsPerSecond')),
    ...rows('accept to the caller at half load, p50', 'ms', "half of the server's own calls/s", of('acceptP50Ms')),
    ...rows('accept to the caller at half load, p99', 'ms', "half of the server's own calls/s", of('acceptP99Ms')),
  ];
}

function freshRows(fresh: ReadonlyMap<string, readonly LoadFigures[]>): Row[] {
  const of = (name: string) => median(fresh.get(name)!.map(({ callsPerCpuSecond }) => callsPerCpuSecond));
  const how = `as devices do it: two sockets are opened for each; median of ${ROUNDS} x ${SECONDS} s`;
  return comparing([...fresh.keys()])('calls a core, each on new sockets', '/s', how, of);
}

function heldRows(held: ReadonlyMap<string, HeldFigures>): Row[] {
  const rows = comparing([...held.keys()]);
  const how = `resident memory, ${HELD} calls after as many idle pairs of sockets; with the sealed blobs kept for a while`;
  return [
    ...rows('memory of a held call', 'KiB', how, (name) => held.get(name)!.bytesPerCall / 1024),
    ...rows(
      'memory of its two sockets',
      'KiB',
      `resident memory of ${HELD} idle pairs`,
      (name) => held.get(name)!.bytesPerIdlePair / 1024,
    ),
    ...rows(
      `processor while ${HELD} calls are held`,
      'ms/s',
      `over ${HELD_SECONDS} s, nothing said`,
      (name) => held.get(name)!.cpuShare * 1000,
    ),
  ];
}
