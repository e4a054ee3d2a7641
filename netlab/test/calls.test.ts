// Calls between two real browsers whose networks are bad, through the real
// system in the middle. Each says by which way media went and how long it took.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Person } from '@carillon/e2e';
import { type Host, LabWorld, type Nat, type NatKind, whyNoLab } from '../src/index.ts';

const why = whyNoLab();

describe('calls', { skip: why === undefined ? false : `skipped: ${why}` }, () => {
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
    for (const pair of await callThrough('cone', context)) assert.match(pair, /^(srflx|prflx)-(srflx|prflx)$/);
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

  test('nothing failed unseen in the pages', () => {
    assert.deepEqual([...ana.faults, ...bob.faults], []);
  });
});
