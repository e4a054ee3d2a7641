import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { CallsFactory } from '../../src/api.ts';
import type { Carillon } from '../../src/carillon.ts';
import type { ContentChannel, ReceivedContent } from '../../src/messaging/contentChannel.ts';
import { noCalls } from '../../src/noCalls.ts';
import { type Group, groupOf, hasGroup, hears, said } from './groupWatching.ts';
import { linkDevice } from './linking.ts';
import { Stage, until } from './stage.ts';
import { idOf, reaches, shows } from './watching.ts';

const CALL_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

describe('calls, changed identities and several devices', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  /** A device whose calls are only their channel, and the invites that it is to refuse for want of permission. */
  async function caller(name: string): Promise<[Carillon, ContentChannel, string[]]> {
    let channel: ContentChannel | undefined;
    const refused: string[] = [];
    const calls: CallsFactory = (deps) => {
      channel = deps.channel;
      const needsPermission = ({ content: { body } }: ReceivedContent) => {
        if (body.case === 'callInvite') refused.push(body.value.callId);
      };
      return { ...noCalls('Not here.'), needsPermission };
    };
    const device = await stage.person(name, { calls, accepts: false });
    return [device, channel!, refused];
  }

  test('[PRES-14] [DND-4] strangers ring unless the person wishes otherwise, then they are to be told; whom one calls is accepted', async () => {
    const [ann, annCalls, refused] = await caller('ann');
    const [bob, bobCalls] = await caller('bob');
    const rung: string[] = [];
    annCalls.onContent('callInvite', ({ content }) => {
      if (content.body.case === 'callInvite') rung.push(content.body.value.callId);
    });
    const invite = (callId: string) =>
      bobCalls.sendToAccount(
        idOf(ann),
        () => ({ case: 'callInvite', value: { callId, callSecret: new Uint8Array(32) } }),
        { urgent: true },
      );
    await bob.startConversation('ann');
    const after = async (text: string) => {
      await bob.sendText(idOf(ann), text);
      await shows(ann, bob, text);
    };
    await invite(CALL_ID);
    await after('one');
    assert.deepEqual(rung, [CALL_ID]);
    await ann.setSettings({ callsFrom: 'accepted' });
    await invite(CALL_ID);
    await after('two');
    assert.equal(rung.length, 1);
    assert.deepEqual(refused, [CALL_ID]);
    await ann.setSettings({ doNotDisturb: {} });
    await invite(CALL_ID);
    await after('not while nothing is to disturb');
    await ann.setSettings({ doNotDisturb: false });
    await ann.contactByHandle('bob');
    await annCalls.sendToAccount(
      idOf(bob),
      () => ({ case: 'callInvite', value: { callId: CALL_ID, callSecret: new Uint8Array(32) } }),
      { urgent: true },
    );
    await invite(CALL_ID);
    await after('three');
    assert.equal(rung.length, 2);
    assert.equal(refused.length, 1);
  });

  test('[GROUP-26] a member who signed up again gets no key until that is accepted; the others go on', async () => {
    const [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => stage.person(name)));
    const group = (await ann!.createGroup('Trust', [idOf(bob!), idOf(cat!)])) as Group;
    await Promise.all([hasGroup(bob!, 'Trust'), hasGroup(cat!, 'Trust')]);
    await ann!.sendText(group.id, 'before');
    await hears(bob!, group, 'before');
    await bob!.close();
    const newBob = await stage.device('bob-again');
    await stage.signUp(newBob, 'bob');
    await ann!.sendText(group.id, 'not for a new Bob');
    await hears(cat!, group, 'not for a new Bob');
    await until(ann!, 'conversation', async () => {
      const all = await ann!.conversations();
      return all.some(({ id, identityChanged }) => id === idOf(newBob) && identityChanged);
    });
    assert.equal(await groupOf(newBob, 'Trust'), undefined);
    await ann!.acceptIdentity(idOf(newBob));
    await ann!.sendText(group.id, 'welcome back');
    await hasGroup(newBob, 'Trust');
    await hears(newBob, group, 'ann: welcome back');
    assert.ok(!(await said(newBob, group)).some((words) => words.includes('not for a new Bob')));
  });

  test('[PRES-17] settings, acceptances, blocks and groups are the same on a linked device', async () => {
    const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((name) => stage.person(name)));
    await ann!.startConversation('bob');
    await reaches(ann!, await ann!.sendText(idOf(bob!), 'hello'), 'delivered');
    await ann!.setSettings({ readReceipts: false });
    const group = (await ann!.createGroup('Both', [idOf(bob!)])) as Group;
    const tablet = await linkDevice(stage, ann!, 'tablet', { accepts: false });
    await until(tablet, 'settings', () => !tablet.settings.readReceipts);
    await hasGroup(tablet, 'Both');
    await bob!.sendText(group.id, 'to all your devices');
    await Promise.all([hears(tablet, group, 'bob: to all'), hears(ann!, group, 'bob: to all')]);
    const written = await ann!.sendText(group.id, 'from the phone');
    await Promise.all([hears(tablet, group, 'from the phone'), hears(bob!, group, 'ann: from the phone')]);
    await tablet.sendText(group.id, 'from the tablet');
    await Promise.all([hears(ann!, group, 'from the tablet'), hears(bob!, group, 'ann: from the tablet')]);
    assert.equal((await tablet.messages(group.id)).filter(({ id }) => id === written.id).length, 1);
    await ann!.renameGroup(group.group.groupId, 'Both of us');
    await Promise.all([hasGroup(tablet, 'Both of us'), hasGroup(bob!, 'Both of us')]);
    await tablet.setName('Anna');
    await until(ann!, 'account', () => ann!.account?.name === 'Anna');
    await ann!.block(idOf(eve!));
    await until(tablet, 'settings', async () => (await tablet.blocked()).length === 1);
    const calls = { callsFrom: 'accepted', doNotDisturb: {}, callWaiting: false } as const;
    const changed = { presence: 'nobody', readReceipts: true, ...calls } as const;
    await tablet.setSettings(changed);
    await until(ann!, 'settings', () => ann!.settings.presence === 'nobody');
    assert.deepEqual(ann!.settings, changed);
    await ann!.setSettings({ callsFrom: 'everyone', callWaiting: true });
    await until(tablet, 'settings', () => tablet.settings.callsFrom === 'everyone' && tablet.settings.callWaiting);
    await ann!.unblock(idOf(eve!));
    await until(tablet, 'settings', async () => (await tablet.blocked()).length === 0);
  });
});
