import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Carillon } from '../../src/carillon.ts';
import type { Message } from '../../src/model.ts';
import { Stage, until } from './stage.ts';

const statusOf = async (device: Carillon, message: Message) =>
  (await device.messages(message.conversation, { limit: 500 })).find(({ id }) => id === message.id)?.status;
const reaches = (device: Carillon, message: Message, status: Message['status']) =>
  until(device, 'message', async () => (await statusOf(device, message)) === status);
const textsOf = async (device: Carillon, other: Carillon) =>
  (await device.messages(other.account!.accountId, { limit: 500 })).map(({ body }) =>
    body.type === 'text' ? body.text : body.type === 'notice' ? `(${body.words})` : body.type,
  );
const _says = (device: Carillon, other: Carillon, text: string) =>
  until(device, 'message', async () => (await textsOf(device, other)).includes(text));

describe('messages between two devices', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  test('text both ways, with ticks', async () => {
    const [ann, bob] = await Promise.all([stage.person('ann'), stage.person('bob')]);
    const conversation = await ann.startConversation('@Bob');
    assert.equal(conversation.with.handle, 'bob');
    const hello = await ann.sendText(conversation.with.accountId, 'Hello Bob');
    assert.equal(hello.status, 'sending');
    await reaches(ann, hello, 'delivered');
    const [fromAnn] = await bob.conversations();
    assert.deepEqual(
      [fromAnn?.with.handle, fromAnn?.unread, fromAnn?.lastMessage?.body],
      ['ann', 1, { type: 'text', text: 'Hello Bob' }],
    );
    await bob.markRead(ann.account!.accountId);
    await reaches(ann, hello, 'read');
    assert.equal((await bob.conversations())[0]?.unread, 0);
    const answer = await bob.sendText(ann.account!.accountId, 'Hello Ann');
    await reaches(bob, answer, 'delivered');
    assert.deepEqual(await textsOf(ann, bob), ['Hello Bob', 'Hello Ann']);
    assert.equal(await ann.safetyNumber(bob.account!.accountId), await bob.safetyNumber(ann.account!.accountId));
  });
});
