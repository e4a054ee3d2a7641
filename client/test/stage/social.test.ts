import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Carillon } from '../../src/carillon.ts';
import type { Conversation, PresenceView, TypingSign } from '../../src/model.ts';
import { Stage, until } from './stage.ts';
import { find, idOf, messagesOf, reaches, shows, textsOf } from './watching.ts';

async function conversationWith(device: Carillon, other: Carillon): Promise<Conversation | undefined> {
  return (await device.conversations()).find(({ id }) => id === idOf(other));
}

/** What a device is told of presence, the newest last. */
function presencesOf(device: Carillon): PresenceView[] {
  const told: PresenceView[] = [];
  device.on('presence', (presence) => told.push(presence));
  return told;
}

const seen = (device: Carillon, told: PresenceView[], isIt: (presence: PresenceView) => boolean) =>
  until(device, 'presence', () => told.length > 0 && isIt(told.at(-1)!));

describe('what others learn', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  /** Two who have written to each other. */
  async function acquainted(): Promise<[Carillon, Carillon]> {
    const [ann, bob] = await Promise.all([stage.person('ann'), stage.person('bob')]);
    await ann.startConversation('bob');
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');
    await reaches(bob, await bob.sendText(idOf(ann), 'hello you'), 'delivered');
    return [ann, bob];
  }

  test('[PRES-16] a stranger’s message is a request: nothing goes back until it is accepted, then all of it', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob', { accepts: false });
    await ann.startConversation('bob');
    const sent = await ann.sendText(idOf(bob), 'You do not know me');
    await shows(bob, ann, 'You do not know me');
    assert.equal((await conversationWith(bob, ann))?.request, true);
    await bob.markRead(idOf(ann));
    const second = await ann.sendText(idOf(bob), 'Are you there?');
    await shows(bob, ann, 'Are you there?');
    assert.equal((await find(ann, sent))?.status, 'sent');
    await bob.acceptRequest(idOf(ann));
    await reaches(ann, second, 'delivered');
    assert.equal((await conversationWith(bob, ann))?.request, false);
    // What was read before is told now.
    await reaches(ann, sent, 'read');
    await bob.markRead(idOf(ann));
    await reaches(ann, second, 'read');
  });

  test('[PRES-16] who answers has accepted; who writes first has, too', async () => {
    const ann = await stage.person('ann', { accepts: false });
    const bob = await stage.person('bob', { accepts: false });
    await ann.startConversation('bob');
    const sent = await ann.sendText(idOf(bob), 'hello');
    await shows(bob, ann, 'hello');
    await bob.sendText(idOf(ann), 'hello you');
    await reaches(ann, sent, 'delivered');
    await shows(ann, bob, 'hello you');
    for (const [device, other] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      assert.equal((await conversationWith(device, other))?.request, false);
    }
  });

  test('[MSG-20] one receipt for what was read, by the highest id; switched off it goes neither way', async () => {
    const [ann, bob] = await acquainted();
    const three = [];
    for (const text of ['one', 'two', 'three']) three.push(await ann.sendText(idOf(bob), text));
    await shows(bob, ann, 'three');
    await bob.markRead(idOf(ann));
    for (const message of three) await reaches(ann, message, 'read');

    await bob.setSettings({ readReceipts: false });
    const unseen = await ann.sendText(idOf(bob), 'four');
    await shows(bob, ann, 'four');
    await bob.markRead(idOf(ann));
    const back = await bob.sendText(idOf(ann), 'five');
    await shows(ann, bob, 'five');
    await ann.markRead(idOf(bob));
    const last = await ann.sendText(idOf(bob), 'six');
    await reaches(ann, last, 'delivered');
    assert.equal((await find(ann, unseen))?.status, 'delivered');
    assert.equal((await find(bob, back))?.status, 'delivered');
  });

  test('[PRES-13] typing: only while the conversation is open, and only to who is accepted', async () => {
    const [ann, bob] = await acquainted();
    const signs: TypingSign[] = [];
    ann.on('typing', (sign) => signs.push(sign));
    const stopBob = bob.openConversation(idOf(ann));
    bob.setTyping(idOf(ann), true);
    const stop = ann.openConversation(idOf(bob));
    bob.setTyping(idOf(ann), false);
    bob.setTyping(idOf(ann), true);
    await until(ann, 'typing', () => signs.some(({ typing }) => typing));
    assert.equal(signs[0]?.contact.handle, 'bob');
    const answer = await bob.sendText(idOf(ann), 'done');
    await reaches(bob, answer, 'delivered');
    assert.equal(signs.at(-1)?.typing, false);
    stop();
    stopBob();
    const before = signs.length;
    bob.setTyping(idOf(ann), true);
    await reaches(bob, await bob.sendText(idOf(ann), 'closed'), 'delivered');
    assert.equal(signs.length, before);
    assert.ok((await textsOf(ann, bob)).every((text) => !text.startsWith('(')));
  });

  test('[PRES-10] presence: contacts see it while the conversation is open, with last seen; strangers do not', async () => {
    const [ann, bob] = await acquainted();
    const told = presencesOf(ann);
    const stop = ann.openConversation(idOf(bob));
    await seen(ann, told, ({ visible, online }) => visible && online);
    const before = Date.now();
    await bob.close();
    await seen(ann, told, ({ visible, online }) => visible && !online);
    assert.ok(told.at(-1)!.lastSeenMs >= before - 60_000);
    stop();

    const eve = await stage.person('eve');
    const toEve = presencesOf(eve);
    await eve.startConversation('ann');
    const stopEve = eve.openConversation(idOf(ann));
    await seen(eve, toEve, ({ visible }) => !visible);
    assert.ok(toEve.every(({ visible }) => !visible));
    stopEve();
  });

  test('[PRES-11] who shows theirs to nobody sees nobody’s; everyone means everyone', async () => {
    const [ann, bob] = await acquainted();
    const told = presencesOf(ann);
    ann.openConversation(idOf(bob));
    await seen(ann, told, ({ visible, online }) => visible && online);
    await bob.setSettings({ presence: 'nobody' });
    await seen(ann, told, ({ visible }) => !visible);
    const toBob = presencesOf(bob);
    bob.openConversation(idOf(ann));
    await bob.setSettings({ presence: 'everyone' });
    await seen(ann, told, ({ visible, online }) => visible && online);
    await seen(bob, toBob, ({ visible }) => visible);
  });

  test('[PRES-12] blocked: what they send is dropped unsaid, and they see no more when we are online', async () => {
    const [ann, bob] = await acquainted();
    const told = presencesOf(bob);
    bob.openConversation(idOf(ann));
    await seen(bob, told, ({ visible, online }) => visible && online);
    await ann.block(idOf(bob));
    await seen(bob, told, ({ visible }) => !visible);
    assert.deepEqual(
      (await ann.blocked()).map(({ handle }) => handle),
      ['bob'],
    );
    assert.equal((await conversationWith(ann, bob))?.blocked, true);
    const dropped = await bob.sendText(idOf(ann), 'do you hear me?');
    await reaches(bob, dropped, 'sent');
    await assert.rejects(ann.sendText(idOf(bob), 'no'), { code: 'forbidden' });
    await ann.unblock(idOf(bob));
    assert.deepEqual(await ann.blocked(), []);
    const heard = await bob.sendText(idOf(ann), 'and now?');
    await reaches(bob, heard, 'delivered');
    assert.ok(!(await textsOf(ann, bob)).includes('do you hear me?'));
    await seen(bob, told, ({ visible, online }) => visible && online);
  });

  test('a conversation is deleted from this device, with its messages', async () => {
    const [ann, bob] = await acquainted();
    await ann.deleteConversation(idOf(bob));
    assert.deepEqual(await ann.conversations(), []);
    assert.deepEqual(await messagesOf(ann, bob), []);
    await bob.sendText(idOf(ann), 'again');
    await shows(ann, bob, 'again');
    assert.equal((await conversationWith(ann, bob))?.request, false);
  });
});
