// The network of one of two people changes in the middle of their call.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CarillonApi } from '@carillon/client';
import type { Person } from '@carillon/e2e';
import type { Host, LabWorld, Nat } from '../src/index.ts';
import { inLab } from './inLab.ts';
import { TwoPeople } from './twoPeople.ts';

/** Of an unseen change: seven seconds until ICE misses the other, two until the socket's death is certain, and the restart. */
const HEALED_WITHIN_MS = 20_000;
const DIRECT = /^(srflx|prflx)-(srflx|prflx)$/;

interface Change {
  readonly how: string;
  readonly number: 0 | 1;
  /** The pair that this side has then. */
  readonly pair: RegExp;
  /** Else ICE finds another of the ways it knows. */
  readonly restarts: boolean;
  change(host: Host, nat: Nat, world: LabWorld): void;
}
const CHANGES: readonly Change[] = [
  {
    how: 'the caller gets into another network: an ICE restart heals it',
    number: 0,
    pair: DIRECT,
    restarts: true,
    change: (host, _, { lab }) => host.join(lab.nat('cone')),
  },
  {
    how: 'the callee gets into a network with only 443: an ICE restart heals it',
    number: 1,
    pair: /^relay\/tls-/,
    restarts: true,
    change: (host, _, { lab }) => host.join(lab.nat('https-only')),
  },
  {
    // Neither page nor sockets are told: signaling's connection looks open, and must be found dead before it heals.
    how: 'the caller’s address changes unseen: an ICE restart heals it',
    number: 0,
    pair: DIRECT,
    restarts: true,
    change: (host) => host.renumber(),
  },
  {
    how: 'a firewall begins to block UDP: media goes on by the relay',
    number: 0,
    pair: /^relay\/(tcp|tls)-/,
    restarts: false,
    change: (_, nat) => nat.setKind('udp-blocked'),
  },
];

inLab('a change of network', () => {
  let two: TwoPeople;
  before(async () => {
    two = await TwoPeople.open();
  });
  after(() => two?.close());

  for (const { how, number, change, pair, restarts } of CHANGES) {
    test(`in mid-call ${how}`, async (context) => {
      const { world, hosts, nats, people } = two;
      await two.callThrough('cone', context);
      const before = await Promise.all(people.map(iceUserOf));
      change(hosts[number], nats[number], world);
      const times = await Promise.all(people.map(healed));
      await two.bothActive();
      await two.bothSeeAndHear();
      // Of the ways that are tried at once the relay's may be open first; the better one then takes over.
      const pairs = await two.pairsOnceAt(number, pair);
      const after = await Promise.all(people.map(iceUserOf));
      if (restarts) for (const index of people.keys()) assert.notEqual(after[index], before[index]);
      context.diagnostic(`healed after ${times.join(' and ')} ms, now ${pairs.join(' and ')}`);
      await two.hangUp();
      hosts[number].join(nats[number]);
    });
  }

  test('a device without any network for five seconds is in the call again after them', async (context) => {
    const { hosts, nats, people } = two;
    await two.callThrough('cone', context);
    hosts[0].leave();
    await people[1].callIs('reconnecting');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    hosts[0].join(nats[0]);
    const times = await Promise.all(people.map(healed));
    await two.bothActive();
    await two.bothSeeAndHear();
    context.diagnostic(`healed ${times.join(' and ')} ms after the network was back`);
    await two.hangUp();
  });

  test('nothing failed unseen in the pages', () => {
    assert.deepEqual(two.faults, []);
  });
});

/** Milliseconds from now until media comes in again; what was on its way is gone with the network. */
async function healed(person: Person): Promise<number> {
  const beganMs = performance.now();
  const from = (await person.media()).bytesReceived;
  await person.mediaUntil('media flows again', ({ bytesReceived }) => bytesReceived > from + 3_000, HEALED_WITHIN_MS);
  return Math.round(performance.now() - beganMs);
}

/** Another one after each ICE restart (RFC 8445, section 9). */
async function iceUserOf(person: Person): Promise<unknown> {
  const entries = await person.page.evaluate(() => {
    const { carillon } = globalThis as unknown as { carillon: CarillonApi };
    return carillon.calls.stats();
  });
  return entries.find(({ type }) => type === 'transport')?.iceLocalUsernameFragment;
}
