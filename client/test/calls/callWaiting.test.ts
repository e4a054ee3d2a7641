// A second call while the person wants only one at a time, with real signaling.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device } from './nodeDevice.ts';

let services: CallServices;
const devices: Device[] = [];

before(async () => {
  services = await CallServices.start();
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

after(() => services.close());

function withoutWaiting(self: TestAccount, contacts: readonly TestAccount[]): Device {
  const made = new Device(services, self, contacts, { mayWait: () => false });
  devices.push(made);
  return made;
}

async function connect(ana: Device, bo: Device): Promise<void> {
  await ana.calls.start([bo.self.accountId], { video: false });
  const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await bo.calls.accept(callId, { video: false });
  await Promise.all([ana, bo].map((each) => each.until('active', ({ phase }) => phase === 'active')));
}

test('[DND-5] without call waiting whoever calls meanwhile hears that the line is busy, and it stands as missed', async () => {
  const names = await Promise.all(['ana', 'bo', 'cy'].map((name) => services.account(name)));
  const [ana, bo, cy] = names.map((self) => withoutWaiting(self, names)) as [Device, Device, Device];
  await connect(ana, bo);
  await cy.calls.start([bo.self.accountId], { video: true });
  assert.equal((await cy.until('ended', ({ phase }) => phase === 'ended')).words, 'bo is in another call');
  assert.equal(bo.calls.waiting, undefined);
  await bo.eventually('told', () => bo.channel.recorded.length > 0);
  const missed = bo.channel.recorded.map(({ with: other, outcome, video }) => ({ other, outcome, video }));
  assert.deepEqual(missed, [{ other: cy.self.accountId, outcome: 'missed', video: true }]);

  // Who is in the call may call again, having lost it.
  await ana.calls.close();
  const again = withoutWaiting(ana.self, names);
  await again.calls.start([bo.self.accountId], { video: false });
  await bo.until('ringing again', ({ phase }) => phase === 'ringing-in');
});

test('[DND-5] two who call each other are in one call, also without call waiting', async () => {
  const names = await Promise.all([services.account('ana'), services.account('bo')]);
  const pair = names.map((self) => withoutWaiting(self, names)) as [Device, Device];
  await Promise.all(pair.map((each, n) => each.calls.start([names[1 - n]!.accountId], { video: false })));
  const views = await Promise.all(pair.map((each) => each.until('active', ({ phase }) => phase === 'active')));
  assert.equal(views[0]?.callId, views[1]?.callId);
});

test('[DND-5] of two who call at the same moment one rings', async () => {
  const names = await Promise.all(['ana', 'bo', 'cy'].map((name) => services.account(name)));
  const [ana, bo, cy] = names.map((self) => withoutWaiting(self, names)) as [Device, Device, Device];
  await Promise.all([ana, cy].map((each) => each.calls.start([bo.self.accountId], { video: false })));
  const over = (each: Device) => each.view?.endReason === 'busy';
  await bo.eventually('busy to one', () => over(ana) !== over(cy));
  assert.equal(bo.calls.current?.phase, 'ringing-in');
  assert.equal(bo.calls.waiting, undefined);
});
