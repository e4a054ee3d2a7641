import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CallOutcome } from '@carillon/protocol';
import type { CallsFactory } from '../../src/api.ts';
import type { Carillon } from '../../src/carillon.ts';
import type { ContentChannel } from '../../src/messaging/contentChannel.ts';
import { noCalls } from '../../src/noCalls.ts';
import { linkDevice } from './linking.ts';
import { Stage, until } from './stage.ts';
import { idOf, messagesOf, shows } from './watching.ts';

const CALL_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const RING_MS = 2_000;

describe('do not disturb', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  /** A device whose calls are only their channel; what rings there is kept. */
  async function callable(name: string): Promise<{ device: Carillon; channel: ContentChannel; rung: string[] }> {
    let channel: ContentChannel | undefined;
    const rung: string[] = [];
    const calls: CallsFactory = (deps) => {
      channel = deps.channel;
      channel.onContent('callInvite', ({ content }) => {
        if (content.body.case === 'callInvite') rung.push(content.body.value.callId);
      });
      return noCalls('Not here.');
    };
    const device = await stage.person(name, { calls });
    return { device, channel: channel!, rung };
  }

  const invite = (channel: ContentChannel, to: Carillon, callId: string) => {
    const expiresAtMs = Date.now() + RING_MS;
    const value = { callId, callSecret: new Uint8Array(32), expiresAtMs: BigInt(expiresAtMs) };
    return channel.sendToAccount(idOf(to), () => ({ case: 'callInvite', value }), { urgent: true, expiresAtMs });
  };

  const missed = async (device: Carillon, other: Carillon) =>
    (await messagesOf(device, other)).filter(({ body }) => body.type === 'call' && body.outcome === 'missed').length;

  test('[DND-1] nothing rings; the call is missed when its ring is over, or the caller says so, once', async () => {
    const [ann, bob] = await Promise.all([callable('ann'), callable('bob')]);
    await bob.device.startConversation('ann');
    await ann.device.setSettings({ doNotDisturb: {} });
    await invite(bob.channel, ann.device, CALL_ID);
    await bob.device.sendText(idOf(ann.device), 'after it');
    await shows(ann.device, bob.device, 'after it');
    await until(ann.device, 'message', async () => (await missed(ann.device, bob.device)) === 1);
    const log = { callId: CALL_ID, outcome: CallOutcome.MISSED };
    await bob.channel.sendToAccount(idOf(ann.device), () => ({ case: 'callLog', value: log }));
    await bob.device.sendText(idOf(ann.device), 'I called');
    await shows(ann.device, bob.device, 'I called');
    assert.equal(await missed(ann.device, bob.device), 1);
    assert.deepEqual(ann.rung, []);
    await ann.device.setSettings({ doNotDisturb: false });
    await invite(bob.channel, ann.device, CALL_ID.replace('A', 'B'));
    await bob.device.sendText(idOf(ann.device), 'and now?');
    await shows(ann.device, bob.device, 'and now?');
    assert.equal(ann.rung.length, 1);
  });

  test('[DND-1] whom the person calls meanwhile may call back', async () => {
    const [ann, bob] = await Promise.all([callable('ann'), callable('bob')]);
    await ann.device.startConversation('bob');
    await ann.device.setSettings({ doNotDisturb: {} });
    await invite(ann.channel, bob.device, CALL_ID);
    await bob.device.startConversation('ann');
    await invite(bob.channel, ann.device, CALL_ID.replace('A', 'B'));
    await bob.device.sendText(idOf(ann.device), 'at the same time');
    await shows(ann.device, bob.device, 'at the same time');
    assert.equal(ann.rung.length, 1);
  });

  test('[DND-2] it holds on all devices of the account, and ends at its time', async () => {
    const [ann, bob] = await Promise.all([callable('ann'), callable('bob')]);
    const tablet = await linkDevice(stage, ann.device, 'tablet');
    const untilMs = Date.now() + 3_600_000;
    await ann.device.setSettings({ doNotDisturb: { untilMs } });
    await until(tablet, 'settings', () => tablet.settings.doNotDisturb !== false);
    assert.deepEqual(tablet.settings.doNotDisturb, { untilMs });
    await tablet.setSettings({ doNotDisturb: { untilMs: Date.now() - 1 } });
    await until(ann.device, 'settings', () => {
      const { doNotDisturb } = ann.device.settings;
      return doNotDisturb !== false && (doNotDisturb.untilMs ?? 0) < untilMs;
    });
    await bob.device.startConversation('ann');
    await invite(bob.channel, ann.device, CALL_ID);
    await bob.device.sendText(idOf(ann.device), 'it is over');
    await shows(ann.device, bob.device, 'it is over');
    assert.deepEqual(ann.rung, [CALL_ID]);
    await assert.rejects(ann.device.setSettings({ doNotDisturb: { untilMs: Number.NaN } }), {
      code: 'invalid-request',
    });
  });
});
