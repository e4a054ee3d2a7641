// Signaling that changes or repeats what it relays: the person is told, once,
// and the call goes on.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { clone } from '@bufbuild/protobuf';
import { type SignalingServerFrame, SignalingServerFrameSchema } from '@carillon/protocol';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device, type Meddle } from './nodeDevice.ts';

let services: CallServices;
const devices: Device[] = [];

before(async () => {
  services = await CallServices.start();
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

after(() => services.close());

/** Ana calls bo, who accepts; `meddle` stands between signaling and bo. */
async function call(meddle: Meddle): Promise<[Device, Device]> {
  const contacts = (await Promise.all([services.account('ana'), services.account('bo')])) as [TestAccount, TestAccount];
  const ana = new Device(services, contacts[0], contacts);
  const bo = new Device(services, contacts[1], contacts, { meddle });
  devices.push(ana, bo);
  await ana.calls.start([bo.self.accountId], { video: false });
  const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await bo.calls.accept(callId, { video: false });
  await Promise.all(devices.map((device) => device.until('active', ({ phase }) => phase === 'active')));
  return [ana, bo];
}

type Change = (frame: SignalingServerFrame) => void;
const relayedOf = ({ body }: SignalingServerFrame) => (body.case === 'relayed' ? body.value : assert.fail());

/** Each relayed frame, and a changed one behind it under the next sequence. */
const followedBy = (change: Change): Meddle => {
  let shift = 0n;
  return (frame) => {
    if (frame.body.case !== 'relayed') return [frame];
    const first = clone(SignalingServerFrameSchema, frame);
    relayedOf(first).seq += shift++;
    const second = clone(SignalingServerFrameSchema, first);
    relayedOf(second).seq++;
    change(second);
    return [first, second];
  };
};

const meddlings: Readonly<Record<string, Change>> = {
  changes: (frame) => {
    relayedOf(frame).sealed[60]! ^= 1;
  },
  repeats: () => {},
};

for (const [what, change] of Object.entries(meddlings)) {
  test(`[CALL-21] a server that ${what} what it relays is told of, once`, async () => {
    const [ana, bo] = await call(followedBy(change));
    await bo.eventually('told', () => bo.notices.length > 0);
    assert.deepEqual(
      bo.notices.map(({ code }) => code),
      ['media-tampered'],
    );
    assert.equal(bo.view?.phase, 'active');
    assert.deepEqual(ana.notices, []);
  });
}

test('[CALL-21] what signaling sends again by its own count is no tampering', async () => {
  const [, bo] = await call((frame) => (frame.body.case === 'relayed' ? [frame, frame] : [frame]));
  assert.deepEqual(bo.notices, []);
});
