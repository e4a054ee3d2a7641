// A call over a link that gets narrow and wide again, and over a long lossy one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CallView, CarillonApi } from '@carillon/client';
import type { Person } from '@carillon/e2e';
import type { Link } from '../src/index.ts';
import { inLab } from './inLab.ts';
import { TwoPeople } from './twoPeople.ts';

/** The ladder takes seconds to go down, and waits longer before it tries to go up. */
const PATIENCE_MS = 150_000;

inLab('a weak link', () => {
  let two: TwoPeople;
  let link: Link;
  let ana: Person;
  let bob: Person;

  before(async () => {
    two = await TwoPeople.open();
    [ana, bob] = two.people;
    link = await two.link({});
    await two.callThrough('cone');
  });
  after(() => two?.close());

  test('200 ms and bursts of loss each way: picture and sound go on', async (context) => {
    const lossy = { loss: 0.03, lossBurst: 3 };
    await link.set({ delayMs: 100, jitterMs: 5, ...lossy });
    await two.bothSeeAndHear();
    const { up, down } = await link.report();
    context.diagnostic(`lost ${up.lost} of ${up.packets} up, ${down.lost} of ${down.packets} down`);
    assert.ok(up.lost > 0 && down.lost > 0);
    await link.set({});
  });

  test('an uplink of 60 kbit/s: the picture is paused, both are told, and sound goes on', async (context) => {
    const beganMs = performance.now();
    await link.set({ delayMs: 20, up: { rateKbit: 60, queueMs: 500 } });
    await callUntil(ana, 'told that its video is paused', (call) => /Your video is paused/.test(call.linkWords ?? ''));
    await callUntil(bob, 'told that only sound comes', (call) => call.others[0]?.videoPaused === true);
    context.diagnostic(`audio only after ${seconds(beganMs)}`);
    const { audioEnergy } = await bob.media();
    await bob.mediaUntil('sound arrives', (facts) => facts.audioEnergy > audioEnergy);
    await bob.callIs('active', 'peer');
  });

  test('the link is wide again: so is the picture there, and it is said', async (context) => {
    const beganMs = performance.now();
    await link.set({ delayMs: 20 });
    await callUntil(bob, 'the picture is there again', (call) => call.others[0]?.videoPaused === false);
    context.diagnostic(`the picture is back after ${seconds(beganMs)}`);
    await bob.seesAndHears(PATIENCE_MS);
    assert.deepEqual(two.faults, []);
  });
});

async function callUntil(person: Person, what: string, holds: (call: CallView) => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const call = await person.page.evaluate(() => {
      const { current } = (globalThis as unknown as { carillon: CarillonApi }).carillon.calls;
      // Streams cannot leave the page.
      return current && (JSON.parse(JSON.stringify(current)) as CallView);
    });
    if (call && holds(call)) return;
    if (performance.now() > deadline) throw new Error(`${person.handle} is not ${what}: ${JSON.stringify(call)}`);
    await person.page.waitForTimeout(250);
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
}
