// How many round trips people wait for a call: two real Chromiums, each behind an
// emulated link. What the same wait is without delay is this machine's own; the
// rest is told in round trips between the two devices: how often the parties ask
// and wait. Of that the quickest calls tell most: what a busy machine adds to a
// call is never less than nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '@carillon/e2e';
import { LabWorld, type Link, whyNoLab } from '@carillon/netlab';
import { type Page, startAndRing } from './calls.ts';
import type { Row } from './report.ts';
import { median } from './statistics.ts';

const ROUND_TRIPS_MS = [100, 200] as const;
const ROUNDS = 7;
/** Sockets of the call before are closed by then: the caller is cold. */
const REST_MS = 3_000;
/** A call rings for some seconds before anybody has reached for the phone; by then what can be ready is. */
const RINGS_MS = 3_000;
/** Opus packets leave so far apart. */
const PACKET_MS = 20;

/** Runs in the callee's page; resolves with when it was pressed, on the clock that all pages share. */
async function pressAccept(): Promise<number> {
  const { carillon } = globalThis as unknown as Page;
  const { callId } = carillon.calls.current!;
  const pressed = performance.timeOrigin + performance.now();
  await carillon.calls.accept(callId, { video: false });
  return pressed;
}

/** Runs in a page: when its first packet of sound came. */
async function firstAudio(packetMs: number): Promise<number> {
  const { carillon } = globalThis as unknown as Page;
  const until = performance.now() + 20_000;
  while (performance.now() < until) {
    for (const entry of carillon.calls.current ? await carillon.calls.stats() : []) {
      const packets = Number(entry.packetsReceived);
      if (entry.type !== 'inbound-rtp' || entry.kind !== 'audio' || !(packets > 0)) continue;
      return Number(entry.lastPacketReceivedTimestamp) - (packets - 1) * packetMs;
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  throw new Error('no sound after 20 s');
}

async function rings(person: Person): Promise<void> {
  await person.page.waitForFunction(() => (globalThis as unknown as Page).carillon.calls.current !== undefined);
}

async function hangUp(people: readonly Person[]): Promise<void> {
  await people[0]!.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as Page;
    await carillon.calls.hangUp(carillon.calls.current!.callId);
  });
  for (const { page } of people)
    await page.waitForFunction(() => (globalThis as unknown as Page).carillon.calls.current === undefined);
}

interface Waits {
  readonly ringing: number[];
  readonly audioAtCallee: number[];
  readonly audioAtCaller: number[];
}

const noWaits = (): Waits => ({ ringing: [], audioAtCallee: [], audioAtCaller: [] });

async function oneCall(ana: Person, bob: Person, waits: Waits): Promise<void> {
  const ringing = await ana.page.evaluate(startAndRing, { handle: bob.handle, video: false });
  await rings(bob);
  await sleep(RINGS_MS);
  const heard = [bob, ana].map(({ page }) => page.evaluate(firstAudio, PACKET_MS));
  const pressed = await bob.page.evaluate(pressAccept);
  const [atCallee, atCaller] = await Promise.all(heard);
  waits.ringing.push(ringing);
  waits.audioAtCallee.push(atCallee! - pressed);
  waits.audioAtCaller.push(atCaller! - pressed);
  await hangUp([ana, bob]);
  await sleep(REST_MS);
}

/** They know each other: between strangers nothing but a relay is used while it rings. */
async function acquainted(world: LabWorld): Promise<{ ana: Person; bob: Person; links: Link[] }> {
  const { lab } = world;
  const hosts = [lab.host().join('internet'), lab.host().join('internet')] as const;
  const links = await Promise.all(hosts.map((host) => lab.link(host, {})));
  const [ana, bob] = await Promise.all([world.person('ana', hosts[0]), world.person('bob', hosts[1])]);
  await ana.signUp('Ana');
  await bob.signUp('Bob');
  await ana.chatWith('bob');
  await ana.say('May I call?');
  await bob.chatWith('ana');
  await bob.say('Do');
  await ana.message('Do').waitFor();
  return { ana, bob, links };
}

export async function measureRoundTrips(say: (words: string) => void): Promise<Row[]> {
  const why = whyNoLab();
  if (why !== undefined) {
    say(`round trips: not measured, as ${why}`);
    return [];
  }
  const rows: Row[] = [];
  const world = await LabWorld.open();
  try {
    const { ana, bob, links } = await acquainted(world);
    // What a page does only once is not what a call costs.
    await oneCall(ana, bob, noWaits());
    const measured = new Map<number, Waits>();
    for (const roundTripMs of [0, ...ROUND_TRIPS_MS]) {
      for (const link of links) await link.set({ delayMs: roundTripMs / 4 });
      const waits = noWaits();
      for (let round = 0; round < ROUNDS; round++) {
        say(`round trips of ${roundTripMs} ms: call ${round + 1} of ${ROUNDS}`);
        await oneCall(ana, bob, waits);
      }
      measured.set(roundTripMs, waits);
    }
    for (const roundTripMs of ROUND_TRIPS_MS)
      rows.push(...rowsOf(roundTripMs, measured.get(roundTripMs)!, measured.get(0)!));
  } finally {
    await world.close();
  }
  return rows;
}

function rowsOf(roundTripMs: number, waits: Waits, atOnce: Waits): Row[] {
  const link = `${roundTripMs} ms between the devices and ${roundTripMs / 2} to the servers`;
  const rows = (what: string, of: keyof Waits): Row[] => {
    const [value, own] = [median(waits[of]), median(atOnce[of])];
    const how = `median of ${ROUNDS} calls of sound, ${link}`;
    return [
      { what: `${what}, ${roundTripMs} ms`, value, unit: 'ms', beside: { what: 'no delay', value: own }, how },
      {
        what: `${what}, ${roundTripMs} ms: the network's part`,
        value: (Math.min(...waits[of]) - Math.min(...atOnce[of])) / roundTripMs,
        ...{ unit: 'round trips', how: `the quickest of ${ROUNDS} calls, less the quickest without delay` },
      },
    ];
  };
  return [
    ...rows('press to ringing, both cold', 'ringing'),
    ...rows('accept to first audio at the callee', 'audioAtCallee'),
    ...rows('accept to first audio at the caller', 'audioAtCaller'),
  ];
}
