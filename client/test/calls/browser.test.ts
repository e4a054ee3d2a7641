// Calls between real browsers over real signaling and a real SFU.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { CallPage } from './browser/page.ts';
import { chromiumPath, eventually, launch, Person, pageFiles } from './browser/pages.ts';
import { CallServices } from './callServices.ts';

declare const page: CallPage;

const skip = chromiumPath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM';

let services: CallServices;
let browser: Browser;
let ana: Person;
let bo: Person;
let cy: Person;

before(async () => {
  if (skip) return;
  services = await CallServices.start({ sfu: true, files: await pageFiles() });
  const contacts = await Promise.all(['ana', 'bo', 'cy'].map((name) => services.account(name)));
  browser = await launch();
  [ana, bo, cy] = (await Promise.all(contacts.map((self) => Person.open(browser, services, { self, contacts })))) as [
    Person,
    Person,
    Person,
  ];
});

after(async () => {
  await browser?.close();
  await services?.close();
});

async function resume(person: Person): Promise<void> {
  await person.load();
  const call = await eventually('a call to resume', () =>
    person.page.evaluate(() => page.call('resumable') as Promise<string | undefined>),
  );
  await person.page.evaluate((id) => page.call('resume', id), call);
  await person.sees('the call again', ({ phase }) => phase === 'active');
}

async function hangUp(person: Person): Promise<void> {
  await person.page.evaluate(() => page.call('hangUp', page.seen()!.callId));
}

test('two browsers: ring, accept, talk, reload, a restarted server, hang up', { skip }, async (t) => {
  await ana.page.evaluate((to) => page.start([to], true), bo.self.accountId);
  await bo.sees('an incoming call', ({ phase }) => phase === 'ringing-in');
  assert.equal((await ana.sees('ringing', ({ words }) => words.startsWith('Ringing'))).words, 'Ringing bo…');
  await bo.page.evaluate(() => page.accept(true));
  await Promise.all([ana.watches(1), bo.watches(1)]);
  await eventually('media marks', async () => (await bo.page.evaluate(() => page.marks())).video);
  const marks = await bo.page.evaluate(() => page.marks());
  t.diagnostic(
    `accept to audio ${Math.round(marks.audio! - marks.accept!)} ms, to video ${Math.round(marks.video! - marks.accept!)} ms`,
  );
  const { mode, words } = (await ana.seen())!;
  assert.deepEqual({ mode, words }, { mode: 'peer', words: 'In a call with bo' });

  await bo.page.evaluate(() => page.call('setMicrophone', false));
  await ana.sees('bo muted', ({ others }) => others[0]?.microphoneOn === false);
  await bo.page.evaluate(() => page.call('setScreenShare', true));
  await ana.sees("bo's screen", ({ others }) => others[0]!.hasScreen && others[0]!.screenFrames > 0);
  await bo.page.evaluate(() => page.call('setScreenShare', false));
  await ana.sees('no screen', ({ others }) => !others[0]!.hasScreen);

  await services.stopSignaling();
  await Promise.all([ana.watches(1), bo.watches(1)]);
  await services.startSignaling();

  await resume(bo);
  await Promise.all([ana.watches(1), bo.watches(1)]);

  await hangUp(ana);
  assert.equal((await bo.sees('the end', ({ phase }) => phase === 'ended')).words, 'ana ended the call');
  assert.equal((await ana.page.evaluate(() => page.recorded())).at(-1)?.outcome, 'completed');
});

test('a third makes it a group call: all see all, through the SFU, sealed', { skip }, async (t) => {
  await ana.page.evaluate((to) => page.start([to], true), bo.self.accountId);
  await bo.sees('an incoming call', ({ phase }) => phase === 'ringing-in');
  await bo.page.evaluate(() => page.accept(true));
  await Promise.all([ana.watches(1), bo.watches(1)]);
  await ana.page.evaluate((to) => page.call('invite', page.seen()!.callId, [to]), cy.self.accountId);
  await cy.sees('an incoming call', ({ phase }) => phase === 'ringing-in');
  await cy.page.evaluate(() => page.accept(true));
  await Promise.all([ana.watches(2), bo.watches(2), cy.watches(2)]);
  await eventually('media marks', async () => (await cy.page.evaluate(() => page.marks())).video);
  const marks = await cy.page.evaluate(() => page.marks());
  t.diagnostic(
    `join to audio ${Math.round(marks.audio! - marks.accept!)} ms, to video ${Math.round(marks.video! - marks.accept!)} ms`,
  );
  for (const person of [ana, bo, cy]) {
    const entries = await person.page.evaluate(() => page.stats());
    const frames = entries.find(({ type }) => type === 'carillon-frames') as Record<string, number> | undefined;
    assert.ok(frames && frames.framesSealed! > 0 && frames.framesOpened! > 0, `${person.self.name} seals and opens`);
  }

  // A page loaded again comes back into its room, and everybody's keys find each other.
  await resume(cy);
  await Promise.all([ana.watches(2), cy.watches(2)]);

  // An SFU that is killed and started again costs a moment, not the call.
  await services.stopSfu();
  await ana.sees('the room lost', ({ phase }) => phase === 'reconnecting');
  await services.startSfu();
  await Promise.all([ana.watches(2), bo.watches(2), cy.watches(2)]);

  // Fresh keys after a leave: those who stay go on.
  await hangUp(bo);
  await ana.sees('bo gone', ({ others }) => others.find(({ name }) => name === 'bo')?.state === 'left');
  await Promise.all([ana.watches(1), cy.watches(1)]);
  await hangUp(cy);
  await hangUp(ana);
  await ana.sees('the end', ({ phase }) => phase === 'ended');
});
