// Missed calls in a conversation: one entry for each call, which gives way to
// whoever knows better.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CallOutcome } from '@carillon/protocol';
import type { CallsFactory } from '../../src/api.ts';
import type { Carillon } from '../../src/carillon.ts';
import type { ContentChannel } from '../../src/messaging/contentChannel.ts';
import { noCalls } from '../../src/noCalls.ts';
import { linkDevice } from './linking.ts';
import { Stage, until } from './stage.ts';
import { idOf, messagesOf, shows } from './watching.ts';

const CALL_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

let stage: Stage;
beforeEach(async () => {
  stage = await new Stage().start();
});
afterEach(() => stage.stop());

/** A device whose calls are only their channel. */
async function callable(name: string): Promise<{ device: Carillon; channel: ContentChannel }> {
  let channel: ContentChannel | undefined;
  const calls: CallsFactory = (deps) => {
    channel = deps.channel;
    return noCalls('Not here.');
  };
  const device = await stage.person(name, { calls });
  return { device, channel: channel! };
}

const entry = (from: Carillon, outcome: 'missed' | 'declined' | 'completed') =>
  ({
    with: idOf(from),
    callId: CALL_ID,
    outgoing: false,
    outcome,
    video: false,
    startedAtMs: 1,
    durationMs: 0,
  }) as const;

async function callsOf(device: Carillon, other: Carillon): Promise<string[]> {
  const messages = await messagesOf(device, other);
  return messages.flatMap(({ body }) => (body.type === 'call' ? [body.outcome] : []));
}

const unread = async (device: Carillon, other: Carillon) =>
  (await device.conversations()).find(({ id }) => id === idOf(other))?.unread;

test('[CALL-69] a call that only this device takes for missed is what another device of the account says of it', async () => {
  const [ann, bob] = await Promise.all([callable('ann'), callable('bob')]);
  await bob.device.startConversation('ann');
  const tablet = await linkDevice(stage, ann.device, 'tablet');
  await ann.channel.recordCall({ ...entry(bob.device, 'missed'), concluded: true });
  assert.deepEqual([await callsOf(ann.device, bob.device), await unread(ann.device, bob.device)], [['missed'], 1]);

  await ann.channel.recordCall(entry(bob.device, 'declined'));
  assert.deepEqual([await callsOf(ann.device, bob.device), await unread(ann.device, bob.device)], [['declined'], 0]);
  await until(tablet, 'message', async () => (await callsOf(tablet, bob.device)).length > 0);
  // Nothing of the first has gone to the other devices, which hear what is known.
  assert.deepEqual([await callsOf(tablet, bob.device), await unread(tablet, bob.device)], [['declined'], 0]);

  await ann.channel.recordCall({ ...entry(bob.device, 'missed'), concluded: true });
  assert.deepEqual([await callsOf(ann.device, bob.device), await unread(ann.device, bob.device)], [['declined'], 0]);
});

test('[CALL-69] the word that a call rings is no entry by itself, and ends no quiet ring', async () => {
  const [ann, bob] = await Promise.all([callable('ann'), callable('bob')]);
  await bob.device.startConversation('ann');
  await ann.device.setSettings({ doNotDisturb: {} });
  // What has to be looked up for a first message is not to take the time of the ring.
  await bob.device.sendText(idOf(ann.device), 'before it');
  await shows(ann.device, bob.device, 'before it');
  const rung: unknown[] = [];
  ann.channel.onContent('callInvite', (invite) => rung.push(invite));
  const heard: boolean[] = [];
  ann.channel.onContent('callLog', ({ content }) => {
    if (content.body.case === 'callLog') heard.push(content.body.value.byLink);
  });
  const expiresAtMs = Date.now() + 2_500;
  const value = { callId: CALL_ID, callSecret: new Uint8Array(32), expiresAtMs: BigInt(expiresAtMs) };
  const urgent = { urgent: true, expiresAtMs };
  await bob.channel.sendToAccount(idOf(ann.device), () => ({ case: 'callInvite', value }), urgent);
  const log = { callId: CALL_ID, outcome: CallOutcome.RINGING, ringsUntilMs: BigInt(expiresAtMs) };
  await bob.channel.sendToAccount(idOf(ann.device), () => ({ case: 'callLog', value: log }));
  await bob.device.sendText(idOf(ann.device), 'it rings');
  await shows(ann.device, bob.device, 'it rings');
  assert.deepEqual([await callsOf(ann.device, bob.device), heard], [[], [false]]);
  await until(ann.device, 'message', async () => (await callsOf(ann.device, bob.device)).length > 0);
  assert.deepEqual([await callsOf(ann.device, bob.device), rung], [['missed'], []]);
});
