// A call that is over on one device is over for signaling too, whatever order
// the news came in: nobody waits for a device that has gone.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { type AccountId, type CallId, CallOutcome, type DeviceId, ProtocolError } from '@carillon/protocol';
import type { CallMessages } from '../../src/calls/callMessages.ts';
import { CallRequests } from '../../src/calls/callRequests.ts';
import {
  type Call,
  type CallEvent,
  incomingCall,
  type NewCall,
  outgoingCall,
  step,
} from '../../src/calls/core/callMachine.ts';
import type { SignalingClient } from '../../src/calls/signalingClient.ts';
import { CallServices, randomId } from './callServices.ts';
import { Device } from './nodeDevice.ts';

describe('between two devices', () => {
  let services: CallServices;
  let media: string;
  const open: Device[] = [];

  before(async () => {
    services = await CallServices.start();
    media = await services.sound();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((device) => device.close()));
  });

  after(() => services.close());

  test('[CALL-60] the other device’s word that it is over is passed on to signaling', async () => {
    const contacts = await Promise.all([services.account('ana'), services.account('bo')]);
    const [ana, bo] = contacts.map((self) => new Device(services, self, contacts, { media: { media } })) as [
      Device,
      Device,
    ];
    open.push(ana, bo);
    await ana.calls.start([bo.self.accountId], { video: false });
    const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
    await bo.calls.accept(callId, { video: false });
    await Promise.all([ana.hears('audio'), bo.hears('audio')]);

    // As ana's device says it when signaling has forgotten the call; here it has not.
    const value = { callId, outcome: CallOutcome.COMPLETED, video: false };
    await ana.channel.sendToDevice(bo.self, { case: 'callLog', value });
    await bo.until('over', ({ phase }) => phase === 'ended');
    await ana.until('told by signaling', ({ phase }) => phase === 'ended');
    assert.equal(ana.view?.words, 'bo ended the call');
  });
});

describe('while a request to be in is on its way', () => {
  const callId = randomId<CallId>();
  const self = { accountId: randomId<AccountId>(), deviceId: 1 as DeviceId };
  const from = { accountId: randomId<AccountId>(), deviceId: 1 as DeviceId };

  /** Signaling whose answers come when the test wants it, in the order that it wants: a fault no real one shows at will. */
  function requests(first: (init: NewCall) => Call = (init) => incomingCall(init, from, 60_000, 0)) {
    let call = first({ callId, self, video: false, group: false });
    const asked: { readonly what: string; answer(value?: unknown): void; fail(error: Error): void }[] = [];
    const ask = ({ case: what }: { readonly case: string }) =>
      new Promise((answer, fail) => asked.push({ what, answer, fail }));
    const snapshots: unknown[] = [];
    const made = new CallRequests({
      signaling: { state: ask, request: ask } as unknown as SignalingClient,
      messages: { invite: async () => {}, tellOver: () => {} } as unknown as CallMessages,
      call: () => call,
      snapshot: (snapshot) => snapshots.push(snapshot),
      dispatch: (event) => {
        call = step(call, event, 1).call;
      },
    });
    const end = (event: CallEvent = { type: 'ended', reason: 'declined-elsewhere', by: self.accountId }) => {
      call = step(call, event, 1).call;
    };
    const what = () => asked.map((each) => each.what);
    return { made, asked, what, snapshots, end, phase: () => call.phase };
  }

  async function isPending(promise: Promise<unknown>): Promise<boolean> {
    const later = new Promise((resolve) => setImmediate(() => resolve('pending')));
    return (await Promise.race([promise.then(() => 'over'), later])) === 'pending';
  }

  test('[CALL-61] granted to a call that is over here, it is taken back, and only then the socket may go', async () => {
    const { made, asked, what, snapshots, end } = requests();
    void made.accept();
    end();
    const { lastWord } = made;
    assert.ok(await isPending(lastWord));
    asked[0]!.answer({});
    assert.ok(await isPending(lastWord));
    assert.deepEqual([what(), snapshots], [['accept', 'hangUp'], []]);
    asked[1]!.answer();
    await lastWord;
  });

  test('[CALL-61] a hang-up said meanwhile does not end the wait for its answer', async () => {
    const { made, asked, what, end } = requests();
    void made.accept();
    made.hangUp();
    end();
    const { lastWord } = made;
    asked[1]!.answer();
    assert.ok(await isPending(lastWord));
    asked[0]!.answer({});
    assert.ok(await isPending(lastWord));
    assert.deepEqual(what(), ['accept', 'hangUp', 'hangUp']);
    asked[2]!.answer();
    await lastWord;
  });

  test('[CALL-63] a call that is created after it was given up is taken back, and only then the socket may go', async () => {
    const { made, asked, what, snapshots, end } = requests((init) => outgoingCall(init, [from.accountId], 0));
    void made.create([from.accountId], false);
    end({ type: 'hang-up' });
    made.hangUp();
    asked[1]!.fail(new ProtocolError('call-unknown'));
    const { lastWord } = made;
    asked[0]!.answer({});
    assert.ok(await isPending(lastWord));
    assert.deepEqual([what(), snapshots], [['create', 'hangUp', 'hangUp'], []]);
    asked[2]!.answer();
    await lastWord;
  });

  test('[CALL-63] what became of a create is not known: given up, it is taken back all the same', async () => {
    const { made, asked, what, end } = requests((init) => outgoingCall(init, [from.accountId], 0));
    void made.create([from.accountId], false);
    end({ type: 'hang-up' });
    asked[0]!.fail(new ProtocolError('unreachable'));
    assert.ok(await isPending(made.lastWord));
    assert.deepEqual(what(), ['create', 'hangUp']);
    asked[1]!.answer();
    await made.lastWord;
  });

  test('an accept that is granted in time is the call’s, and nothing is taken back', async () => {
    const { made, asked, what, snapshots, phase } = requests();
    const accepted = made.accept();
    const granted = {};
    asked[0]!.answer(granted);
    await accepted;
    assert.deepEqual([what(), phase()], [['accept'], 'ringing-in']);
    assert.equal(snapshots[0], granted);
  });
});
