// Calls that the person's settings refuse, with real signaling.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type AccountId, type CallId, ContentSchema, type DeviceId } from '@carillon/protocol';
import { PermissionAnswers } from '../../src/calls/permissionAnswers.ts';
import { SignalingClient } from '../../src/calls/signalingClient.ts';
import type { ReceivedContent } from '../../src/messaging/contentChannel.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { CallServices, randomId } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device } from './nodeDevice.ts';

let services: CallServices;
const devices: Device[] = [];
const open: SignalingClient[] = [];

before(async () => {
  services = await CallServices.start();
});

afterEach(async () => {
  for (const signaling of open.splice(0)) signaling.close();
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

after(() => services.close());

function device(self: TestAccount, contacts: readonly TestAccount[]): Device {
  const made = new Device(services, self, contacts);
  devices.push(made);
  return made;
}

/** Where every call is a stranger's, who has to be accepted first. */
function refusing(self: TestAccount, contacts: readonly TestAccount[]): Device {
  const made = device(self, contacts);
  made.channel.takesInvite = (invite) => made.calls.needsPermission(invite);
  return made;
}

/** What answers on a device, without anything else of it. */
function answersOf({ channel, store }: Device): { answers: PermissionAnswers; signaling: SignalingClient } {
  const signaling = new SignalingClient({ channel, baseUrl: services.baseUrl, platform: nodePlatform(store) });
  open.push(signaling);
  return { answers: new PermissionAnswers({ signaling, now: Date.now }), signaling };
}

function inviteOf(callId: CallId, from: AccountId, ringMs = 60_000): ReceivedContent {
  const acceptedAtMs = Date.now();
  const value = { callId, callSecret: new Uint8Array(32), expiresAtMs: BigInt(acceptedAtMs + ringMs) };
  const content = create(ContentSchema, { body: { case: 'callInvite', value } });
  return { from: { accountId: from, deviceId: 1 as DeviceId }, content, acceptedAtMs };
}

const ended = (device: Device) => device.until('ended', ({ phase }) => phase === 'ended');

test('[DND-4] [CALL-80] a refused caller reads that they have to be accepted first; to the callee it is missed', async () => {
  const [ana, bo] = await Promise.all([services.account('ana'), services.account('bo')]);
  const tablet = await services.device('bo', bo.accountId, 2);
  const contacts = [ana, bo, tablet];
  const caller = device(ana, contacts);
  const callees = [refusing(bo, contacts), refusing(tablet, contacts)];
  await caller.calls.start([bo.accountId], { video: true });
  const { words, endReason } = await ended(caller);
  assert.deepEqual([words, endReason], ['bo has to accept you as a contact first', 'needs-permission']);
  for (const callee of callees) {
    const { recorded } = callee.channel;
    await callee.eventually('told', () => recorded.length > 0);
    const missed = recorded.map(({ outcome, outgoing, video }) => ({ outcome, outgoing, video }));
    assert.deepEqual(missed, [{ outcome: 'missed', outgoing: false, video: true }]);
    assert.equal(callee.view, undefined);
  }
  assert.deepEqual(
    caller.channel.recorded.map(({ outcome, outgoing }) => ({ outcome, outgoing })),
    [{ outcome: 'missed', outgoing: true }],
  );
});

test('[CALL-80] a device of theirs that rings hears that another one has said no', async () => {
  const [ana, bo] = await Promise.all([services.account('ana'), services.account('bo')]);
  const untold = await services.device('bo', bo.accountId, 2);
  const contacts = [ana, bo, untold];
  const caller = device(ana, contacts);
  const knowing = device(bo, contacts);
  const invites: ReceivedContent[] = [];
  knowing.channel.takesInvite = (invite) => invites.push(invite);
  const rings = device(untold, contacts);
  await caller.calls.start([bo.accountId], { video: false });
  await rings.until('ringing', ({ phase }) => phase === 'ringing-in');
  knowing.calls.needsPermission(invites[0]!);
  assert.equal((await ended(rings)).endReason, 'declined-elsewhere');
  assert.equal((await ended(caller)).endReason, 'needs-permission');
});

test('[CALL-81] an invite to a call that is somebody else’s refuses nothing', async () => {
  const [ana, bo, eve] = await Promise.all([services.account('ana'), services.account('bo'), services.account('eve')]);
  const contacts = [ana, bo];
  const caller = device(ana, contacts);
  const callee = device(bo, contacts);
  const { callId } = await caller.calls.start([bo.accountId], { video: false });
  await callee.until('ringing', ({ phase }) => phase === 'ringing-in');
  const { answers } = answersOf(device(await services.device('bo', bo.accountId, 2), []));
  await answers.answer(inviteOf(callId, eve.accountId));
  // What signaling is asked next is answered after it.
  await callee.calls.accept(callId, { video: false });
  await Promise.all([caller, callee].map((each) => each.until('active', ({ phase }) => phase === 'active')));
});

test('[CALL-81] nobody who is in a group call refuses it for another', async () => {
  const [ana, bo, eve] = await Promise.all([services.account('ana'), services.account('bo'), services.account('eve')]);
  const caller = answersOf(device(ana, []));
  const callId = randomId<CallId>();
  const none = () => {};
  const listener = { callId, receivedSeq: undefined, snapshot: none, ended: none, relayed: none, forgotten: none };
  caller.signaling.join({ ...listener, socket: none });
  const calleeAccountIds = [bo.accountId, eve.accountId];
  await caller.signaling.state({ case: 'create', value: { callId, calleeAccountIds, video: false, room: true } });
  const asked = answersOf(device(bo, []));
  await asked.answers.answer(inviteOf(callId, eve.accountId));
  const { participants } = await caller.signaling.state({ case: 'attach', value: { callId, receivedSeq: 0n } });
  assert.equal(participants.find(({ accountId }) => accountId === bo.accountId)?.state, 'invited');
});

test('[CALL-81] a call rings, though a stranger has sent an invite to it before', async () => {
  const [ana, bo, eve] = await Promise.all([services.account('ana'), services.account('bo'), services.account('eve')]);
  const caller = device(ana, [ana, bo]);
  const callee = device(bo, [ana, bo]);
  callee.channel.takesInvite = (invite) => {
    callee.channel.takesInvite = undefined;
    const { body } = invite.content;
    if (body.case !== 'callInvite') return;
    callee.calls.needsPermission(inviteOf(body.value.callId as CallId, eve.accountId));
    callee.channel.receive(invite);
  };
  await caller.calls.start([bo.accountId], { video: false });
  const { callId } = await callee.until('ringing', ({ phase }) => phase === 'ringing-in');
  await callee.calls.accept(callId, { video: false });
  await Promise.all([caller, callee].map((each) => each.until('active', ({ phase }) => phase === 'active')));
});

test('[CALL-82] of one stranger one call is answered at a time, and of all of them eight', async () => {
  const bo = await services.account('bo');
  const { answers } = answersOf(device(bo, []));
  const strangers = Array.from({ length: 9 }, () => randomId<AccountId>());
  const asked: Promise<number>[] = [];
  const ask = (from: AccountId, n: number) =>
    asked.push(answers.answer(inviteOf(randomId(), from, 1_000)).then(() => n));
  for (const [n, from] of strangers.entries()) ask(from, n);
  assert.equal(await Promise.race(asked), 8);
  ask(strangers[0]!, 9);
  assert.equal(await Promise.race(asked.toSpliced(8, 1)), 9);
  // Signaling knows of none of them.
  await Promise.all(asked);
});
