// Run as a process of its own: makes calls at one server and reads what they
// cost that server. What it is to do comes as its argument, in JSON.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '@carillon/protocol';
import { importJWK, type JWK } from 'jose';
import { cpuSecondsOf, memoryBytesOf } from '../messaging/peer.ts';
import { quantile } from '../statistics.ts';
import { BareSide } from './bareSide.ts';
import { ACTS_IN_A_CALL, connectCall, done, type Pair, wholeCall } from './call.ts';
import { CarillonSide } from './carillonSide.ts';
import { signToken } from './issuer.ts';
import { PeerJsSide } from './peerJsSide.ts';

export type ServerKind = 'carillon' | 'bare' | 'peerjs';

export interface LoadOrder {
  readonly what: 'load' | 'fresh' | 'hold';
  readonly kind: ServerKind;
  readonly url: string;
  readonly pids: readonly number[];
  readonly jwk: JWK;
  readonly pairs: number;
  readonly seconds: number;
}

export interface LoadFigures {
  readonly callsPerSecond: number;
  /** By the CPU time of the server's own process. */
  readonly callsPerCpuSecond: number;
  /** By that of all it needs. */
  readonly callsPerCpuSecondOfAll: number;
  readonly acceptP50Ms: number;
  readonly acceptP99Ms: number;
}

export interface HeldFigures {
  readonly calls: number;
  readonly bytesPerCall: number;
  readonly bytesPerIdlePair: number;
  /** Of the server's processor, with all the calls held and nothing said. */
  readonly cpuShare: number;
}

const WARM_UP_MS = 1_500;
/** A listener's backlog refuses more. */
const CONNECT_AT_ONCE = 50;
const SETTLE_ROUNDS = 12;

const newId = () => randomBytes(16).toString('base64url');

async function opener({ kind, url, jwk }: LoadOrder): Promise<(pair: number) => Promise<Pair>> {
  if (kind !== 'carillon') {
    const open = kind === 'bare' ? BareSide.open : PeerJsSide.open;
    return async (pair) => {
      const [caller, callee] = await Promise.all([open(url, 2 * pair), open(url, 2 * pair + 1)]);
      return { caller, callee };
    };
  }
  const key = (await importJWK(jwk, 'EdDSA')) as CryptoKey;
  const people = new Map<number, { address: Address; token: string }>();
  const person = async (index: number) => {
    const address = { accountId: newId(), deviceId: 1 } as Address;
    const known = people.get(index) ?? { address, token: await signToken(key, address.accountId, 1) };
    people.set(index, known);
    return known;
  };
  return async (pair) => {
    const [a, b] = [await person(2 * pair), await person(2 * pair + 1)];
    const [caller, callee] = await Promise.all([
      CarillonSide.open(url, a.token, b.address),
      CarillonSide.open(url, b.token, a.address),
    ]);
    return { caller, callee };
  };
}

async function openPairs(_order: LoadOrder, from: number, to: number, open: (pair: number) => Promise<Pair>) {
  const pairs: Pair[] = [];
  for (let n = from; n < to; n += CONNECT_AT_ONCE) {
    const count = Math.min(CONNECT_AT_ONCE, to - n);
    pairs.push(...(await Promise.all(Array.from({ length: count }, (_, k) => open(n + k)))));
  }
  return pairs;
}

const hangUp = ({ caller, callee }: Pair) => {
  caller.close();
  callee.close();
};

const cpuOf = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);

/** Every pair calls again as soon as its call is over; then at half that rate, for the latency. */
async function load(order: LoadOrder): Promise<LoadFigures> {
  const open = await opener(order);
  const isFresh = order.what === 'fresh';
  const pairs = isFresh ? [] : await openPairs(order, 0, order.pairs, open);
  let running = true;
  const one = async (index: number) => {
    const pair = pairs[index] ?? (await open(index));
    await wholeCall(pair, newId());
    if (isFresh) hangUp(pair);
  };
  const loops = Array.from({ length: order.pairs }, async (_, index) => {
    while (running) await one(index);
  });
  await sleep(WARM_UP_MS);
  const before = { acts: done.acts, own: cpuOf(order.pids.slice(0, 1)), all: cpuOf(order.pids), at: performance.now() };
  await sleep(order.seconds * 1_000);
  const calls = (done.acts - before.acts) / ACTS_IN_A_CALL;
  const figures = {
    callsPerSecond: (calls / (performance.now() - before.at)) * 1_000,
    callsPerCpuSecond: calls / (cpuOf(order.pids.slice(0, 1)) - before.own),
    callsPerCpuSecondOfAll: calls / (cpuOf(order.pids) - before.all),
  };
  running = false;
  await Promise.all(loops);
  const acceptsMs = isFresh ? [] : await paced(pairs, figures.callsPerSecond / 2, order.seconds);
  for (const pair of pairs) hangUp(pair);
  return { ...figures, acceptP50Ms: quantile(acceptsMs, 0.5), acceptP99Ms: quantile(acceptsMs, 0.99) };
}

async function paced(pairs: readonly Pair[], perSecond: number, seconds: number): Promise<number[]> {
  const acceptsMs: number[] = [];
  const free = [...pairs];
  const underWay = new Set<Promise<void>>();
  const began = performance.now();
  for (let begun = 0; performance.now() - began < seconds * 1_000; await sleep(2)) {
    for (const due = ((performance.now() - began) / 1_000) * perSecond; begun < due; begun++) {
      const pair = free.shift();
      if (!pair) continue;
      const call = wholeCall(pair, newId()).then((acceptMs) => {
        acceptsMs.push(acceptMs);
        free.push(pair);
        underWay.delete(call);
      });
      underWay.add(call);
    }
  }
  await Promise.all(underWay);
  return acceptsMs;
}

/** What garbage there was is gone by then. */
async function settledBytes(pids: readonly number[]): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    await sleep(500);
    lowest = Math.min(
      lowest,
      pids.reduce((sum, pid) => sum + memoryBytesOf(pid), 0),
    );
  }
  return lowest;
}

async function hold(order: LoadOrder): Promise<HeldFigures> {
  const { pids, pairs: count, seconds } = order;
  const open = await opener(order);
  // What the first ones cost is the server's own warming up.
  const first = await openPairs(order, 0, count >> 3, open);
  await Promise.all(first.map((pair) => wholeCall(pair, newId())));
  const empty = await settledBytes(pids);
  const pairs = await openPairs(order, count >> 3, (count >> 3) + count, open);
  const idle = await settledBytes(pids);
  for (let n = 0; n < count; n += CONNECT_AT_ONCE)
    await Promise.all(pairs.slice(n, n + CONNECT_AT_ONCE).map((pair) => connectCall(pair, newId())));
  const held = await settledBytes(pids);
  const [cpu, at] = [cpuOf(pids), performance.now()];
  await sleep(seconds * 1_000);
  const cpuShare = (cpuOf(pids) - cpu) / ((performance.now() - at) / 1_000);
  for (const pair of [...first, ...pairs]) hangUp(pair);
  return { calls: count, bytesPerCall: (held - idle) / count, bytesPerIdlePair: (idle - empty) / count, cpuShare };
}

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;
process.send?.(await (order.what === 'hold' ? hold(order) : load(order)));
process.disconnect?.();
