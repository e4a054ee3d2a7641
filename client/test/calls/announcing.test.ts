// Until a call is known to signaling, and to the devices it is for: what of it
// comes late, or in another order, neither rings for nobody nor goes unheard.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type CallId, CallOutcome } from '@carillon/protocol';
import type { CallEngine } from '../../src/calls/engine.ts';
import { nodeEngine } from '../../src/node/calls/nodeEngine.ts';
import { CallServices, randomId } from './callServices.ts';
import { Device, type DeviceOptions } from './nodeDevice.ts';

let services: CallServices;
const open: Device[] = [];

before(async () => {
  services = await CallServices.start();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((device) => device.close()));
});

after(() => services.close());

/** One device for each name, with its own options. */
async function people(options: Readonly<Record<string, DeviceOptions>>): Promise<Device[]> {
  const contacts = await Promise.all(Object.keys(options).map((name) => services.account(name)));
  const made = contacts.map((self) => new Device(services, self, contacts, options[self.name]));
  open.push(...made);
  return made;
}

/** The person is asked for the microphone, and answers when the test says so. */
function asking(): { readonly engine: CallEngine; answer(): void } {
  const engine = nodeEngine({});
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  return {
    engine: {
      ...engine,
      mayOpenMedia: async () => false,
      openMedia: (wanted) => answered.then(() => engine.openMedia(wanted)),
    },
    answer,
  };
}

const outcomes = ({ channel }: Device) => channel.recorded.map(({ outcome }) => outcome);

test('[CALL-63] a call that is given up before signaling has it does not ring, and is missed', async () => {
  const [ana, bo] = (await people({ ana: {}, bo: {} })) as [Device, Device];
  // The first connection fails, and with it the create that went right behind the hello.
  const { token } = ana.self;
  let isFirst = true;
  ana.channel.accessToken = async () => {
    const given = isFirst ? 'no token of this system' : token;
    isFirst = false;
    return given;
  };
  const { callId } = await ana.calls.start([bo.self.accountId], { video: false });
  assert.equal(ana.view?.phase, 'starting');
  await ana.calls.hangUp(callId);
  await bo.eventually('told that it missed the call', () => bo.channel.recorded.length > 0);
  await ana.close();
  open.splice(open.indexOf(ana), 1);
  assert.equal(bo.view, undefined);
  assert.deepEqual(outcomes(bo), ['missed']);
});

test('[CALL-64] a call that reaches signaling seconds after its invite rings all the same', async () => {
  const [ana, bo] = (await people({ ana: { slowMs: 4_000 }, bo: {} })) as [Device, Device];
  const { callId } = await ana.calls.start([bo.self.accountId], { video: false });
  await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  assert.equal(bo.view?.callId, callId);
});

test('[CALL-64] an invite to a call that signaling never hears of is missed when its ring is over', async () => {
  const [ana, bo] = (await people({ ana: {}, bo: {} })) as [Device, Device];
  const expiresAtMs = BigInt(Date.now() + 100);
  const value = { callId: randomId<CallId>(), callSecret: new Uint8Array(32), expiresAtMs };
  await ana.channel.sendToDevice(bo.self, { case: 'callInvite', value });
  await bo.eventually('missed', () => bo.channel.recorded.length > 0);
  assert.equal(bo.view, undefined);
  assert.deepEqual(outcomes(bo), ['missed']);
});

test('[CALL-64] an account has few calls announced at once, and the others are missed', async () => {
  const [ana, bo, cy] = (await people({ ana: {}, bo: {}, cy: {} })) as [Device, Device, Device];
  const expiresAtMs = BigInt(Date.now() + 60_000);
  for (let i = 0; i < 3; i++) {
    const value = { callId: randomId<CallId>(), callSecret: new Uint8Array(32), expiresAtMs };
    await ana.channel.sendToDevice(bo.self, { case: 'callInvite', value });
  }
  await bo.eventually('the third missed', () => bo.channel.recorded.length > 0);
  await cy.calls.start([bo.self.accountId], { video: false });
  await bo.until('ringing for another', ({ phase }) => phase === 'ringing-in');
  assert.deepEqual(outcomes(bo), ['missed']);
});

test('[CALL-65] whoever calls while the person is about to call hears that the line is busy', async () => {
  const { engine, answer } = asking();
  const [ana, bo, cy] = (await people({ ana: {}, bo: { engine }, cy: {} })) as [Device, Device, Device];
  const started = bo.calls.start([cy.self.accountId], { video: false });
  await ana.calls.start([bo.self.accountId], { video: false });
  await ana.until('busy', ({ words }) => words === 'bo is in another call');
  await bo.eventually('missed', () => bo.channel.recorded.length > 0);
  assert.deepEqual(outcomes(bo), ['missed']);
  answer();
  await started;
  await cy.until('ringing', ({ phase }) => phase === 'ringing-in');
});

test('[CALL-65] a call that begins while a ring is announced keeps its place, and the ring hears busy', async () => {
  const { engine, answer } = asking();
  const [ana, bo, cy] = (await people({ ana: {}, bo: { engine, slowMs: 300 }, cy: {} })) as [Device, Device, Device];
  let started: Promise<unknown> | undefined;
  bo.channel.onContent('callInvite', () => {
    setImmediate(() => {
      started = bo.calls.start([cy.self.accountId], { video: false });
    });
  });
  await ana.calls.start([bo.self.accountId], { video: false });
  await ana.until('busy', ({ words }) => words === 'bo is in another call');
  answer();
  await started;
  assert.match(bo.calls.current?.words ?? '', /cy/);
  assert.equal(bo.calls.waiting, undefined);
  await bo.eventually('missed', () => bo.channel.recorded.length > 0);
});

test('[CALL-66] only whoever asked takes a ring back, and only by saying that it was missed', async () => {
  const openRoom: CallEngine['openRoom'] = () => ({ setMembers: () => {}, stats: async () => [], close: () => {} });
  const engine = { ...nodeEngine({}), openRoom };
  const [ana, bo, cy] = (await people({ ana: { engine }, bo: {}, cy: {} })) as [Device, Device, Device];
  const callees = [bo.self.accountId, cy.self.accountId];
  const { callId } = await ana.calls.start(callees, { video: false, room: true });
  await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await cy.until('ringing', ({ phase }) => phase === 'ringing-in');

  const say = (by: Device, outcome: CallOutcome) =>
    by.channel.sendToDevice(bo.self, { case: 'callLog', value: { callId, outcome } });
  const logs: string[] = [];
  bo.channel.onContent('callLog', ({ from }) => logs.push(from.accountId));
  await say(cy, CallOutcome.MISSED);
  await say(ana, CallOutcome.DECLINED);
  await bo.eventually('told', () => logs.length === 2);
  assert.equal(bo.view?.phase, 'ringing-in');
  await say(ana, CallOutcome.MISSED);
  await bo.until('missed', ({ phase }) => phase === 'ended');
  assert.deepEqual(outcomes(bo), ['missed']);
});
