// What is connected while a call rings, and what goes over it: nothing.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { PRECONNECT_MAX } from '../../src/calls/peerSides.ts';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device } from './nodeDevice.ts';
import { WatchedEngine } from './watchedEngine.ts';

interface Watched {
  readonly device: Device;
  readonly engine: WatchedEngine;
}

let services: CallServices;
let media: string;
const open: Watched[] = [];

before(async () => {
  services = await CallServices.start();
  media = await services.sound();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ device }) => device.close()));
});

after(() => services.close());

function watched(self: TestAccount, contacts: readonly TestAccount[], strangers: readonly TestAccount[] = []): Watched {
  const engine = new WatchedEngine({ media });
  const ids = strangers.map(({ accountId }) => accountId);
  const made = { engine, device: new Device(services, self, contacts, { engine, strangers: ids }) };
  open.push(made);
  return made;
}

/** Ana with one device, and bo with so many. */
async function people(devicesOfBo: number): Promise<[Watched, Watched[]]> {
  const ana = await services.account('ana');
  const first = await services.account('bo');
  const others = Array.from({ length: devicesOfBo - 1 }, (_, i) => services.device('bo', first.accountId, i + 2));
  const bo = [first, ...(await Promise.all(others))];
  const contacts = [ana, ...bo];
  return [watched(ana, contacts), bo.map((self) => watched(self, contacts))];
}

async function ring(ana: Watched, bo: readonly Watched[]): Promise<void> {
  await ana.device.calls.start([bo[0]!.device.self.accountId], { video: false });
  await Promise.all(bo.map(({ device }) => device.until('ringing', ({ phase }) => phase === 'ringing-in')));
}

async function connected(ana: Watched, links: number): Promise<void> {
  const up = () => ana.engine.open.filter(({ isConnected }) => isConnected).length;
  await ana.device.eventually(`connected to ${links}`, () => up() === links);
}

async function packetsAt({ engine }: Watched): Promise<number> {
  const entries = (await Promise.all(engine.open.map(({ peer }) => peer.stats()))).flat();
  return entries
    .filter(({ type }) => type === 'inbound-rtp')
    .reduce((sum, { packetsReceived }) => sum + Number(packetsReceived), 0);
}

test('[CALL-34][CALL-35] ringing devices are connected and silent; the one that accepts is heard without another offer', async () => {
  const [ana, bo] = await people(3);
  await ring(ana, bo);
  await connected(ana, 3);
  await Promise.all(bo.map((each) => connected(each, 1)));
  const all = [ana, ...bo];
  assert.ok(all.every(({ engine }) => engine.open.every(({ isSending }) => !isSending)));
  assert.deepEqual(await Promise.all(all.map(packetsAt)), [0, 0, 0, 0]);
  assert.equal(ana.device.view?.phase, 'ringing-out');
  assert.deepEqual(
    ana.device.view?.others.map(({ stream, state }) => ({ stream, state })),
    [{ stream: undefined, state: 'ringing' }],
  );
  const offers = () => all.flatMap(({ engine }) => engine.peers.map((peer) => peer.offers)).join();
  const before = offers();

  const chosen = bo[1]!;
  await chosen.device.calls.accept(chosen.device.view!.callId, { video: false });
  await Promise.all([ana, chosen].map(({ device }) => device.until('active', ({ phase }) => phase === 'active')));
  await Promise.all([ana.device.hears('audio'), chosen.device.hears('audio')]);
  for (const other of [bo[0]!, bo[2]!]) {
    await other.device.until('silent', ({ endReason }) => endReason === 'accepted-elsewhere');
    assert.deepEqual(other.engine.open, []);
    assert.ok(other.engine.peers.every(({ isSending }) => !isSending));
  }
  assert.equal(ana.engine.open.length, 1);
  assert.equal(offers(), before);
});

test('[CALL-34] a device too many is connected to once it has accepted', async () => {
  const [ana, bo] = await people(PRECONNECT_MAX + 1);
  await ring(ana, bo);
  await connected(ana, PRECONNECT_MAX);
  const last = bo.find(({ engine }) => !engine.open[0]?.isConnected)!;
  await last.device.calls.accept(last.device.view!.callId, { video: false });
  await Promise.all([ana.device.hears('audio'), last.device.hears('audio')]);
  assert.equal(ana.engine.open.length, 1);
});

test('[CALL-35] declined or cancelled, nothing stays connected', async () => {
  const [ana, [bo]] = (await people(1)) as [Watched, [Watched]];
  for (const end of ['decline', 'hangUp'] as const) {
    await ring(ana, [bo]);
    await connected(ana, 1);
    const by = end === 'decline' ? bo : ana;
    await by.device.calls[end](by.device.view!.callId);
    for (const { device, engine } of [ana, bo]) {
      await device.until('ended', ({ phase }) => phase === 'ended');
      assert.deepEqual(engine.open, []);
      assert.ok(engine.peers.every(({ isSending }) => !isSending));
    }
  }
});

test('[CALL-35] of two who call each other one link is left', async () => {
  const [ana, [bo]] = (await people(1)) as [Watched, [Watched]];
  await Promise.all([
    ana.device.calls.start([bo.device.self.accountId], { video: false }),
    bo.device.calls.start([ana.device.self.accountId], { video: false }),
  ]);
  await Promise.all([ana.device.hears('audio'), bo.device.hears('audio')]);
  assert.deepEqual([ana.engine.open.length, bo.engine.open.length], [1, 1]);
});

test('[CALL-50] an invite that overtakes its call rings as soon as signaling knows of the call', async () => {
  const accounts = (await Promise.all([services.account('ana'), services.account('bo')])) as [TestAccount, TestAccount];
  const engine = new WatchedEngine({ media });
  const ana = { engine, device: new Device(services, accounts[0], accounts, { engine, slowMs: 250 }) };
  open.push(ana);
  const bo = watched(accounts[1], accounts);
  await ring(ana, [bo]);
  await bo.device.calls.accept(bo.device.view!.callId, { video: false });
  await Promise.all([ana.device.hears('audio'), bo.device.hears('audio')]);
});

test('[CALL-36] where no relay hides this device, a stranger is connected to after the answer only', async () => {
  const accounts = (await Promise.all([services.account('eve'), services.account('bo')])) as [TestAccount, TestAccount];
  const eve = watched(accounts[0], accounts);
  const bo = watched(accounts[1], accounts, [accounts[0]]);
  await ring(eve, [bo]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual([bo.engine.peers.length, eve.engine.peers.length], [0, 0]);
  await bo.device.calls.accept(bo.device.view!.callId, { video: false });
  await Promise.all([eve.device.hears('audio'), bo.device.hears('audio')]);
});
