// What changes in a running call, between real browsers: none of it renegotiates.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CarillonApi } from '@carillon/client';
import { readConnections, watchConnections } from '../src/connections.ts';
import type { Person } from '../src/person.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: Person;
let bob: Person;
let eva: Person;

before(async () => {
  world = await World.open();
  [ana, bob, eva] = await Promise.all([world.person('ana'), world.person('bob'), world.person('eva')]);
  for (const person of [ana, bob, eva]) await person.signUp(person.handle);
  for (const { page } of [ana, bob]) {
    await page.addInitScript(watchConnections);
    await page.reload();
  }
  await eva.chatWith('bob');
  await ana.chatWith('bob');
  await ana.say('Hello Bob');
  await bob.chatWith('ana');
  await bob.say('Hello Ana');
});
after(() => world?.close());

interface Told {
  readonly words: string | undefined;
  readonly held: boolean | undefined;
  readonly camera: boolean | undefined;
  readonly screen: boolean;
}

/** Of the call on the screen, and the other in it. */
async function until(person: Person, what: string, holds: (told: Told) => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const told = await person.page.evaluate((): Told => {
      const { carillon } = globalThis as unknown as { carillon: CarillonApi };
      const call = carillon.calls.current;
      const other = call?.others[0];
      return { words: call?.words, held: call?.held, camera: other?.cameraOn, screen: other?.screen !== undefined };
    });
    if (holds(told)) return;
    assert.ok(Date.now() < deadline, `${person.handle}: not ${what}: ${JSON.stringify(told)}`);
    await person.page.waitForTimeout(50);
  }
}

const saying = (words: string) => (told: Told) => told.words === words;

test('[CALL-54] pictures, a shared screen, hold and another microphone make no new offer', async () => {
  await ana.get('call-audio').click();
  await bob.get('accept-audio').click();
  await Promise.all([ana.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
  const negotiated = async () => {
    const facts = await Promise.all([ana, bob].map(({ page }) => page.evaluate(readConnections)));
    return facts.map(({ offers, answers }) => [offers, answers]).join();
  };
  const before = await negotiated();

  await ana.get('toggle-camera').click();
  await until(bob, "seeing ana's camera", ({ camera }) => camera === true);
  await ana.page.evaluate(() =>
    (globalThis as unknown as { carillon: CarillonApi }).carillon.calls.setScreenShare(true),
  );
  await until(bob, "seeing ana's screen", ({ screen }) => screen);
  await ana.get('toggle-screen').click();
  await until(bob, 'seeing no screen', ({ screen }) => !screen);
  await ana.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as { carillon: CarillonApi };
    const devices = await navigator.mediaDevices.enumerateDevices();
    for (const kind of ['audioinput', 'videoinput'] as const) {
      const device = devices.findLast((each) => each.kind === kind);
      await carillon.calls.setInputDevice(kind, device!.deviceId);
    }
  });
  await bob.seesAndHears();

  await ana.get('toggle-hold').click();
  await until(ana, 'on hold', saying('On hold'));
  await until(bob, 'told', saying('ana put the call on hold'));
  assert.equal((await ana.page.evaluate(readConnections)).sending, 0);
  await bob.page.waitForFunction(async () => {
    const facts = (globalThis as unknown as { connectionFacts(): Promise<{ sending: number }> }).connectionFacts();
    return (await facts).sending === 0;
  });
  await ana.get('toggle-hold').click();
  await until(bob, 'back', saying('In a call with ana'));
  await bob.seesAndHears();
  assert.equal(await negotiated(), before);
});

test('[CALL-52] a second call is answered while the first is on hold, and they are swapped', async () => {
  await eva.get('call-audio').click();
  await bob.get('incoming-call').waitFor();
  await bob.get('accept-hold').click();
  await until(ana, 'on hold', saying('bob put the call on hold'));
  await until(eva, 'talking', saying('In a call with bob'));
  await until(bob, 'talking', saying('In a call with eva'));
  await bob.get('held-call').getByText('ana is on hold').waitFor();

  await bob.get('swap-calls').click();
  await until(ana, 'talking again', saying('In a call with bob'));
  await until(eva, 'on hold', saying('bob put the call on hold'));
  await bob.get('held-call').getByText('eva is on hold').waitFor();

  await ana.get('hang-up').click();
  await until(bob, 'with eva on hold', saying('On hold'));
  await bob.get('toggle-hold').click();
  await until(eva, 'talking again', saying('In a call with bob'));
  await eva.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults, ...eva.faults], []);
});
