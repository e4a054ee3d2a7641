// What happens between two browsers while a call rings, and what it tells.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectionFacts, readConnections, watchConnections } from '../src/connections.ts';
import type { Person } from '../src/person.ts';
import { World } from '../src/world.ts';

const PATIENCE_MS = 20_000;

let world: World;
let eve: Person;
let bob: Person;

before(async () => {
  world = await World.open();
  [eve, bob] = await Promise.all([world.person('eve'), world.person('bob')]);
  await eve.signUp('Eve');
  await bob.signUp('Bob');
  for (const { page } of [eve, bob]) {
    await page.addInitScript(watchConnections);
    await page.reload();
  }
  await eve.chatWith('bob');
});
after(() => world?.close());

async function until(
  person: Person,
  what: string,
  holds: (facts: ConnectionFacts) => boolean,
): Promise<ConnectionFacts> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const facts = await person.page.evaluate(readConnections);
    if (holds(facts)) return facts;
    assert.ok(Date.now() < deadline, `${person.handle}: not ${what}: ${JSON.stringify(facts)}`);
    await person.page.waitForTimeout(50);
  }
}

const isRelayed = (candidate: string) => / typ relay /.test(`${candidate} `);

test('[CALL-36] a stranger who calls learns relayed addresses only, until the call is accepted', async () => {
  await eve.get('call-audio').click();
  await bob.get('incoming-call').waitFor();
  const ringing = await until(eve, 'connected while it rings', ({ connected }) => connected === 1);
  // Late candidates would come within this time.
  await eve.page.waitForTimeout(1_000);
  const { candidates, addresses } = await eve.page.evaluate(readConnections);
  assert.ok(candidates.length > 0 && candidates.every(isRelayed), candidates.join('\n'));
  assert.ok(
    candidates.every((candidate) => !/ raddr (?!0\.0\.0\.0 |:: )/.test(candidate)),
    candidates.join('\n'),
  );
  assert.deepEqual([...new Set(addresses)].sort(), ['0.0.0.0', '127.0.0.1']);
  assert.equal(ringing.packetsReceived, 0);
  assert.equal(ringing.sending, 0);
  assert.equal((await bob.page.evaluate(readConnections)).sending, 0);

  await bob.get('accept-audio').click();
  await Promise.all([eve.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
  const isTold = (facts: ConnectionFacts) => facts.candidates.some((line) => !isRelayed(line));
  await until(eve, 'told a direct way, and hearing', (facts) => isTold(facts) && facts.packetsReceived > 0);
  await eve.page.waitForFunction(async () => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    const stats = await carillon.calls.stats();
    const pair = stats.find(
      ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
    );
    const local = stats.find(({ id }) => id === pair?.localCandidateId);
    const remote = stats.find(({ id }) => id === pair?.remoteCandidateId);
    return local?.candidateType !== 'relay' && remote?.candidateType !== 'relay';
  });
  await eve.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
});

test('[CALL-35] media flows after the accept without another offer', async () => {
  await bob.chatWith('eve');
  await bob.say('Hello Eve');
  await eve.get('call-screen').waitFor({ state: 'detached' });
  await eve.get('call-video').click();
  await bob.get('incoming-call').waitFor();
  const before = await until(eve, 'connected while it rings', ({ connected }) => connected === 1);
  await until(bob, 'connected while it rings', ({ connected }) => connected === 1);
  const offered = (await bob.page.evaluate(readConnections)).offers;
  assert.equal(before.sending, 0);
  await bob.get('accept-video').click();
  await Promise.all([eve.seesAndHears(), bob.seesAndHears()]);
  assert.equal((await bob.page.evaluate(readConnections)).offers, offered);
  const after = await eve.page.evaluate(readConnections);
  assert.deepEqual([after.offers, after.answers], [before.offers, before.answers]);
  await eve.get('hang-up').click();
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...eve.faults, ...bob.faults], []);
});
