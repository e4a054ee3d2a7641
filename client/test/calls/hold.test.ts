// Calls on hold, and two calls at once.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Participant } from '@carillon/protocol';
import { CallServices } from './callServices.ts';
import { Device, type Tap } from './nodeDevice.ts';

let services: CallServices;
let media: string;
const open: Device[] = [];
/** As signaling tells it, to anybody. */
const rosters: (readonly Participant[])[] = [];

before(async () => {
  services = await CallServices.start();
  media = await services.sound();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((device) => device.close()));
});

after(() => services.close());

async function people<Names extends readonly string[]>(...names: Names): Promise<{ [I in keyof Names]: Device }> {
  const contacts = await Promise.all(names.map((name) => services.account(name)));
  const tap: Tap = ({ body }) => {
    if (body.case === 'state') rosters.push(body.value.participants);
  };
  const devices = contacts.map((self) => new Device(services, self, contacts, { media: { media }, tap }));
  open.push(...devices);
  return devices as unknown as { [I in keyof Names]: Device };
}

async function talk(a: Device, b: Device): Promise<void> {
  await a.calls.start([b.self.accountId], { video: false });
  const { callId } = await b.until('ringing', ({ phase }) => phase === 'ringing-in');
  await b.calls.accept(callId, { video: false });
  await Promise.all([a.hears('audio'), b.hears('audio')]);
}

/** Nothing comes any more, when what was under way has arrived. */
async function hearsNothing(device: Device): Promise<void> {
  let before = -1;
  await device.eventually('silent', async () => {
    const now = await device.packets('audio');
    const isSilent = now === before;
    before = now;
    await pause(100);
    return isSilent;
  });
}

test('[CALL-51] on hold nothing goes either way, both read so, and taken back it goes on', async () => {
  const [ana, bo] = await people('ana', 'bo');
  await talk(ana, bo);
  const { callId } = ana.view!;
  await ana.calls.setHeld(callId, true);
  assert.deepEqual([ana.view?.held, ana.view?.words], [true, 'On hold']);
  const told = await bo.until('told', ({ others }) => others[0]?.held === true);
  assert.equal(told.words, 'ana put the call on hold');
  await Promise.all([hearsNothing(ana), hearsNothing(bo)]);
  assert.equal(ana.view?.phase, 'active');

  // Both may hold; it goes on when neither does.
  await bo.calls.setHeld(callId, true);
  await ana.until('told', ({ words }) => words === 'On hold, also by bo');
  await ana.calls.setHeld(callId, false);
  await ana.until('told of bo', ({ words }) => words === 'bo put the call on hold');
  await hearsNothing(bo);
  await bo.calls.setHeld(callId, false);
  await Promise.all([ana.hears('audio'), bo.hears('audio')]);
  assert.equal(ana.view?.words, 'In a call with bo');
});

test('[CALL-51] the roster shows whose camera is on', async () => {
  const [ana, bo] = await people('ana', 'bo');
  await talk(ana, bo);
  await ana.calls.setCamera(true);
  await bo.until('told of the camera', ({ others }) => others[0]?.cameraOn === true);
  const isShown = () => rosters.at(-1)?.find(({ accountId }) => accountId === ana.self.accountId)?.video;
  await bo.eventually('shown by the roster', () => isShown() === true);
  await ana.calls.setCamera(false);
  await bo.eventually('shown by the roster', () => isShown() === false);
});

test('[CALL-52] a call that waits is answered while the present one is held, and each is taken back in turn', async () => {
  const [ana, bo, cy] = await people('ana', 'bo', 'cy');
  await talk(ana, bo);
  const first = bo.calls.current!.callId;
  await cy.calls.start([bo.self.accountId], { video: false });
  await bo.eventually('called by cy', () => bo.calls.waiting !== undefined);
  const second = bo.calls.waiting!.callId;
  await bo.calls.accept(second, { video: false, holdCurrent: true });
  await ana.until('held', ({ words }) => words === 'bo put the call on hold');
  await Promise.all([cy.hears('audio'), bo.hears('audio')]);
  assert.deepEqual([bo.calls.current?.callId, bo.calls.held?.callId, bo.calls.waiting], [second, first, undefined]);
  await hearsNothing(ana);

  await bo.calls.setHeld(first, false);
  assert.deepEqual([bo.calls.current?.callId, bo.calls.held?.callId], [first, second]);
  await cy.until('held', ({ words }) => words === 'bo put the call on hold');
  await Promise.all([ana.hears('audio'), bo.hears('audio'), hearsNothing(cy)]);

  // What is left stays on hold until the person takes it back.
  await ana.calls.hangUp(first);
  await bo.eventually('cy in front', () => bo.calls.current?.callId === second && bo.calls.held === undefined);
  assert.equal(bo.calls.current?.words, 'On hold');
  await bo.calls.setHeld(second, false);
  await Promise.all([cy.hears('audio'), bo.hears('audio')]);
});

test('[CALL-52] two calls are the most; one more may ring, and takes the place of the present one', async () => {
  const [ana, bo, cy, di] = await people('ana', 'bo', 'cy', 'di');
  await talk(ana, bo);
  await cy.calls.start([bo.self.accountId], { video: false });
  await bo.eventually('called by cy', () => bo.calls.waiting !== undefined);
  await bo.calls.accept(bo.calls.waiting!.callId, { video: false, holdCurrent: true });
  await cy.hears('audio');
  await di.calls.start([bo.self.accountId], { video: false });
  await bo.eventually('called by di', () => bo.calls.waiting !== undefined);
  const third = bo.calls.waiting!.callId;
  await assert.rejects(bo.calls.accept(third, { video: false, holdCurrent: true }), /Two calls are the most/);
  await bo.calls.accept(third, { video: false });
  assert.equal((await cy.until('ended', ({ phase }) => phase === 'ended')).words, 'bo ended the call');
  await Promise.all([di.hears('audio'), bo.hears('audio')]);
  assert.equal(bo.calls.held?.others[0]?.contact.name, 'ana');
});

test('[CALL-52] whoever waits takes the place of what has ended', async () => {
  const [ana, bo, cy] = await people('ana', 'bo', 'cy');
  await talk(ana, bo);
  await cy.calls.start([bo.self.accountId], { video: false });
  await bo.eventually('called by cy', () => bo.calls.waiting !== undefined);
  await ana.calls.hangUp(ana.view!.callId);
  await bo.eventually('rung by cy', () => bo.calls.current?.phase === 'ringing-in' && !bo.calls.waiting);
  await bo.calls.accept(bo.calls.current!.callId, { video: false });
  await Promise.all([cy.hears('audio'), bo.hears('audio')]);
});
