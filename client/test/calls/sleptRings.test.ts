// A device that slept through a ring knows afterwards that it missed the call,
// also when its caller was gone before it could say so.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type AccountId, type CallId, CallOutcome, ContentSchema, LIMITS } from '@carillon/protocol';
import { CallMessages } from '../../src/calls/callMessages.ts';
import { type Call, outgoingCall } from '../../src/calls/core/callMachine.ts';
import type { ContentBody, ContentChannel } from '../../src/messaging/contentChannel.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import { CallServices, randomId } from './callServices.ts';
import type { Delivery, TestAccount } from './contentHub.ts';
import { Device, type Tap } from './nodeDevice.ts';

describe('the word that a call rings', () => {
  const self = { accountId: randomId<AccountId>(), deviceId: 1 } as Call['self'];
  const [bo, cy] = [randomId<AccountId>(), randomId<AccountId>()];

  test('[CALL-68] is left for whoever is still asked, and of no call that is over', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const said: string[] = [];
    const channel = {
      serverNow: () => 0,
      sendToAccount: async (to: AccountId, body: (device: number) => ContentBody) => {
        const { case: kind, value } = body(1);
        const outcome = kind === 'callLog' && value.outcome !== undefined ? CallOutcome[value.outcome] : '';
        said.push(`${to === bo ? 'bo' : 'cy'} ${kind} ${outcome}`.trim());
        return [];
      },
    } as unknown as ContentChannel;
    const store = new SqliteStore(':memory:');
    const made = () => new CallMessages(channel, nodePlatform(store));
    let call = outgoingCall({ callId: randomId<CallId>(), self, video: false, group: true }, [bo, cy], 0);
    await made().invite(() => call, [bo, cy]);
    call = {
      ...call,
      participants: call.participants.map((each) => (each.accountId === cy ? { ...each, state: 'joined' } : each)),
    };
    t.mock.timers.tick(10_000);
    assert.deepEqual(said.splice(0), ['bo callInvite', 'cy callInvite', 'bo callLog RINGING']);

    const over = made();
    await over.invite(() => call, [bo]);
    over.close();
    t.mock.timers.tick(10_000);
    assert.deepEqual(said, ['bo callInvite']);
    await store.close();
  });
});

describe('a device that slept', () => {
  let services: CallServices;
  const open: Device[] = [];

  before(async () => {
    services = await CallServices.start();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((device) => device.close()));
  });

  after(() => services.close());

  const add = (self: TestAccount, contacts: readonly TestAccount[], tap?: Tap): Device => {
    const device = new Device(services, self, contacts, tap ? { tap } : {});
    open.push(device);
    return device;
  };

  /** What comes to it until it wakes. */
  function asleep(self: TestAccount): Delivery[] {
    const kept: Delivery[] = [];
    services.hub.connect(self, (delivery) => kept.push(delivery));
    return kept;
  }

  /** When the ring is over; the invite, which came first, has expired by then. */
  function wakes(self: TestAccount, contacts: readonly TestAccount[], [, ...kept]: readonly Delivery[], tap?: Tap) {
    const device = add(self, contacts, tap);
    device.channel.serverNow = () => Date.now() + LIMITS.ringMs;
    for (const delivery of kept) device.channel.deliver(delivery);
    return device;
  }

  test('[CALL-68] learns of a call whose caller was gone while it rang', async () => {
    const contacts = await Promise.all([services.account('ana'), services.account('bo')]);
    const kept = asleep(contacts[1]!);
    const ana = add(contacts[0]!, contacts);
    const { callId } = await ana.calls.start([contacts[1]!.accountId], { video: false });
    await ana.eventually('word left', () => kept.length === 2);
    await ana.close();
    open.splice(open.indexOf(ana), 1);

    const bo = wakes(contacts[1]!, contacts, kept);
    await bo.eventually('missed', () => bo.channel.recorded.length > 0);
    const { outcome, concluded, callId: recorded } = bo.channel.recorded[0]!;
    assert.deepEqual([outcome, concluded, recorded], ['missed', true, callId]);
  });

  test('[CALL-68] does not take for missed what another device of its account is in', async () => {
    const ana = await services.account('ana');
    const phone = await services.account('bo');
    const laptop = await services.device('bo', phone.accountId, 2);
    const contacts = [ana, phone, laptop];
    const kept = asleep(laptop);
    const [caller, answers] = [add(ana, contacts), add(phone, contacts)];
    await caller.calls.start([phone.accountId], { video: false });
    const { callId } = await answers.until('ringing', ({ phase }) => phase === 'ringing-in');
    await caller.eventually('word left', () => kept.length === 2);
    await answers.calls.accept(callId, { video: false });
    await caller.until('answered', ({ phase }) => phase === 'active');

    const answered: unknown[] = [];
    const woken = wakes(laptop, contacts, kept, ({ body }) => answered.push(body.case));
    await woken.eventually('told that it is not its call', () => answered.includes('failure'));
    assert.deepEqual(woken.channel.recorded, []);
    // Had that been over, and the other device's record of it not come yet, it would stand as missed so long.
    await caller.calls.hangUp(callId);
    await answers.until('over', ({ phase }) => phase === 'ended');
    woken.channel.deliver(kept[1]!);
    await woken.eventually('missed', () => woken.channel.recorded.length > 0);
  });

  test('[CALL-68] has missed nothing while it still rings', async () => {
    const contacts = await Promise.all([services.account('ana'), services.account('bo')]);
    const bo = add(contacts[1]!, contacts);
    const value = {
      callId: randomId<CallId>(),
      outcome: CallOutcome.RINGING,
      ringsUntilMs: BigInt(Date.now() + 30_000),
    };
    const content = create(ContentSchema, { body: { case: 'callLog', value } });
    bo.channel.receive({ from: contacts[0]!, content, acceptedAtMs: Date.now() });
    const late = create(ContentSchema, {
      body: { case: 'callLog', value: { ...value, callId: randomId<CallId>(), ringsUntilMs: 1n } },
    });
    bo.channel.receive({ from: contacts[0]!, content: late, acceptedAtMs: Date.now() });
    await bo.eventually('the late one missed', () => bo.channel.recorded.length > 0);
    assert.deepEqual(
      bo.channel.recorded.map(({ callId }) => callId),
      [late.body.case === 'callLog' && late.body.value.callId],
    );
  });
});
