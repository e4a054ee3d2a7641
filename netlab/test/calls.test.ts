// Calls between two real browsers whose networks are bad, through the real
// system in the middle. Each says by which way media went and how long it took.
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import type { CarillonApi } from '@carillon/client';
import type { Person } from '@carillon/e2e';
import { type Host, LabWorld, type Nat, type NatKind } from '../src/index.ts';
import { inLab } from './inLab.ts';

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
    // The page is told of nothing: the kind of connection stays the same.
    how: 'the caller’s address changes in the same network: an ICE restart heals it',
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

inLab('calls', () => {
  let world: LabWorld;
  let nats: readonly [Nat, Nat];
  let hosts: readonly [Host, Host];
  let ana: Person;
  let bob: Person;

  before(async () => {
    world = await LabWorld.open();
    const { lab } = world;
    nats = [lab.nat('cone'), lab.nat('cone')];
    hosts = [lab.host().join(nats[0]), lab.host().join(nats[1])];
    [ana, bob] = await Promise.all([world.person('ana', hosts[0]), world.person('bob', hosts[1])]);
    await ana.signUp('Ana');
    await bob.signUp('Bob');
    await ana.chatWith('bob');
    await ana.say('May I call?');
    await bob.chatWith('ana');
    await bob.say('Do');
    await ana.message('Do').waitFor();
  });
  after(() => world?.close());

  /** A new network of that kind for both, from a fresh page; then a call. Returns the pairs in use. */
  async function callThrough(kind: NatKind, context: TestContext): Promise<readonly string[]> {
    for (const nat of nats) nat.setKind(kind);
    await Promise.all([ana.page.goto(world.url), bob.page.goto(world.url)]);
    await ana.chatWith('bob');
    await bob.chatWith('ana');
    await ana.get('call-video').click();
    await bob.get('incoming-call').waitFor();
    await ana.callIs('ringing-out');
    const acceptedMs = performance.now();
    await bob.get('accept-video').click();
    await Promise.all([ana.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
    const connectedMs = performance.now() - acceptedMs;
    const [atAna, atBob] = await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
    const pairs = [...atAna.pairs, ...atBob.pairs];
    context.diagnostic(`${pairs.join(' and ')}, ${Math.round(connectedMs)} ms from the press on accept to connected`);
    return pairs;
  }

  async function hangUp(): Promise<void> {
    await ana.get('hang-up').click();
    await bob.get('call-screen').waitFor({ state: 'detached' });
  }

  test('through cone NATs they meet directly, by their server-reflexive addresses', async (context) => {
    for (const pair of await callThrough('cone', context)) assert.match(pair, DIRECT);
    await hangUp();
  });

  test('through symmetric NATs media goes by the relay', async (context) => {
    const pairs = await callThrough('symmetric', context);
    assert.ok(
      pairs.every((pair) => pair.includes('relay')),
      String(pairs),
    );
    assert.ok(pairs.some((pair) => pair.startsWith('relay/udp')));
    await hangUp();
  });

  test('where UDP is blocked, media goes to the relay by TCP', async (context) => {
    for (const pair of await callThrough('udp-blocked', context)) assert.equal(pair, 'relay/tcp-relay');
    await hangUp();
  });

  test('where only 443 is open, media goes to the relay by TLS', async (context) => {
    for (const pair of await callThrough('https-only', context)) assert.equal(pair, 'relay/tls-relay');
    await hangUp();
  });

  /** From now until media comes in again; what was on its way is gone with the network. */
  async function healed(person: Person): Promise<number> {
    const beganMs = performance.now();
    const from = (await person.media()).bytesReceived;
    await person.mediaUntil('media flows again', ({ bytesReceived }) => bytesReceived > from + 3_000, 30_000);
    return performance.now() - beganMs;
  }

  for (const { how, number, change, pair, restarts } of CHANGES) {
    test(`in mid-call ${how}`, async (context) => {
      const people = [ana, bob] as const;
      await callThrough('cone', context);
      const before = await Promise.all(people.map(iceUserOf));
      change(hosts[number], nats[number], world);
      const times = await Promise.all(people.map(healed));
      await Promise.all(people.map((person) => person.callIs('active', 'peer')));
      const facts = await Promise.all(people.map((person) => person.seesAndHears()));
      const after = await Promise.all(people.map(iceUserOf));
      if (restarts) for (const index of people.keys()) assert.notEqual(after[index], before[index]);
      const pairs = facts.flatMap((fact) => fact.pairs);
      assert.match(pairs[number]!, pair);
      context.diagnostic(`healed after ${times.map(Math.round).join(' and ')} ms, now ${pairs.join(' and ')}`);
      await hangUp();
      hosts[number].join(nats[number]);
    });
  }

  test('a device without any network for five seconds is in the call again after them', async (context) => {
    await callThrough('cone', context);
    hosts[0].leave();
    await bob.callIs('reconnecting');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    hosts[0].join(nats[0]);
    const times = await Promise.all([ana, bob].map(healed));
    await Promise.all([ana, bob].map((person) => person.callIs('active', 'peer')));
    await Promise.all([ana, bob].map((person) => person.seesAndHears()));
    context.diagnostic(`healed ${times.map(Math.round).join(' and ')} ms after the network was back`);
    await hangUp();
  });

  test('nothing failed unseen in the pages', () => {
    assert.deepEqual([...ana.faults, ...bob.faults], []);
  });
});

/** Another one after each ICE restart (RFC 8445, section 9). */
async function iceUserOf(person: Person): Promise<unknown> {
  const entries = await person.page.evaluate(() => {
    const { carillon } = globalThis as unknown as { carillon: CarillonApi };
    return carillon.calls.stats();
  });
  return entries.find(({ type }) => type === 'transport')?.iceLocalUsernameFragment;
}
