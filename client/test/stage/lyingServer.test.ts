// What a device shows must not depend on the server's honesty.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { bytesToBase64url, type Content, type DeviceBundle } from '@carillon/protocol';
import type { ContentChannel } from '../../src/messaging/contentChannel.ts';
import { noCalls } from '../../src/noCalls.ts';
import { LyingServer } from './lyingServer.ts';
import { Stage, until } from './stage.ts';
import { find, goesOffline, idOf, messagesOf, reaches, shows, textsOf } from './watching.ts';

const ANY_ID = bytesToBase64url(new Uint8Array(16).fill(7));

describe('a server that lies', () => {
  let stage: Stage;
  let server: LyingServer;
  beforeEach(async () => {
    stage = await new Stage().start();
    server = new LyingServer();
  });
  afterEach(() => stage.stop());

  const lyingTo = (extra = {}) => ({ platform: { WebSocket: server.WebSocket }, ...extra });

  test('[E2EE-13] a sender id that is none reaches no conversation', async () => {
    const [ann, bob, eve] = [
      await stage.person('ann', lyingTo()),
      await stage.person('bob'),
      await stage.person('eve'),
    ];
    await bob.startConversation('ann');
    await reaches(bob, await bob.sendText(idOf(ann), 'I am Bob'), 'delivered');
    // With a slash it would be a key within Bob's conversation.
    const forged = `${idOf(bob)}/000001700000000`;
    server.lie = ({ body }) => {
      if (body.case === 'delivery' && body.value.from?.accountId === idOf(eve)) body.value.from.accountId = forged;
      if (body.case === 'account' && body.value.accountId === idOf(eve)) body.value.accountId = forged;
    };
    await eve.startConversation('ann');
    await reaches(eve, await eve.sendText(idOf(ann), 'I am Bob, too'), 'sent');
    await reaches(bob, await bob.sendText(idOf(ann), 'the last word'), 'delivered');
    assert.deepEqual(await textsOf(ann, bob), ['I am Bob', 'the last word']);
    assert.equal((await ann.conversations()).length, 1);
  });

  test('times from the far future neither stop the device nor stand last for ever', async () => {
    const [ann, bob] = [await stage.person('ann', lyingTo()), await stage.person('bob')];
    server.lie = ({ body }) => {
      if (body.case === 'delivery') body.value.acceptedAtMs = 2n ** 60n;
    };
    await bob.startConversation('ann');
    for (const text of ['one', 'two', 'three']) {
      await reaches(bob, await bob.sendText(idOf(ann), text), 'delivered');
    }
    assert.deepEqual(await textsOf(ann, bob), ['one', 'two', 'three']);
    const latest = Math.max(...(await messagesOf(ann, bob)).map(({ sentAtMs }) => sentAtMs));
    assert.ok(latest < Date.now() + 48 * 3_600_000, String(latest));
  });

  test('[E2EE-13] a known handle that is suddenly another account: told, and nothing is sent', async () => {
    const [ann, bob, eve] = [
      await stage.person('ann', lyingTo()),
      await stage.person('bob'),
      await stage.person('eve'),
    ];
    await ann.startConversation('bob');
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');
    server.lie = ({ body }) => {
      if (body.case !== 'account') return;
      if (body.value.handle === 'bob') body.value.accountId = idOf(eve);
      else if (body.value.accountId === idOf(eve)) body.value.handle = 'bob';
    };
    const conversation = await ann.startConversation('bob');
    assert.equal(conversation.with.accountId, idOf(eve));
    const held = await ann.sendText(idOf(eve), 'for Bob only');
    await until(ann, 'message', async () => (await textsOf(ann, eve)).some((text) => text.includes('has changed')));
    assert.equal((await find(ann, held))?.status, 'sending');
    assert.deepEqual(await eve.conversations(), []);
  });

  test('[E2EE-13] a known account keeps its handle', async () => {
    const [ann, bob, eve] = [
      await stage.person('ann', lyingTo()),
      await stage.person('bob'),
      await stage.person('eve'),
    ];
    await ann.startConversation('bob');
    await ann.startConversation('eve');
    server.lie = ({ body }) => {
      if (body.case === 'account' && body.value.handle === 'bob') body.value.accountId = idOf(eve);
    };
    await assert.rejects(ann.startConversation('bob'), { code: 'malformed-frame' });
    for (const { with: contact } of await ann.conversations()) {
      assert.equal(contact?.handle, contact?.accountId === idOf(bob) ? 'bob' : 'eve');
    }
  });

  test('[E2EE-13] a device slipped in beside the first ones is not trusted: it is not in the safety number', async () => {
    const [ann, bob, eve] = [
      await stage.person('ann', lyingTo()),
      await stage.person('bob'),
      await stage.person('eve'),
    ];
    await Promise.all([ann.startConversation('eve'), ann.startConversation('bob')]);
    let slippedIn: DeviceBundle | undefined;
    server.lie = ({ body }) => {
      if (body.case !== 'bundles') return;
      if (body.value.accountId === idOf(eve)) slippedIn = { ...body.value.devices[0]!, deviceId: 2 };
      else if (slippedIn) body.value.devices.push(slippedIn);
    };
    await ann.safetyNumber(idOf(eve));
    assert.ok(slippedIn);
    assert.equal(await ann.safetyNumber(idOf(bob)), await bob.safetyNumber(idOf(ann)));
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');

    // They have compared the number. Now the server says that Bob has the second device.
    const lieBefore = server.lie;
    server.lie = (frame) => {
      lieBefore(frame);
      if (frame.body.case === 'account' && frame.body.value.handle === 'bob') frame.body.value.deviceIds = [1, 2];
    };
    await ann.startConversation('bob');
    const held = await ann.sendText(idOf(bob), 'for Bob only');
    await until(ann, 'conversation', async () => {
      const theirs = (await ann.conversations()).find(({ id }) => id === idOf(bob));
      return theirs?.identityChanged === true;
    });
    assert.equal((await find(ann, held))?.status, 'sending');
  });

  test('[E2EE-13] a new identity rings only once it is accepted', async () => {
    let annHears: ContentChannel | undefined;
    let bobSays: ContentChannel | undefined;
    const ann = await stage.person('ann', {
      calls: ({ channel }) => {
        annHears = channel;
        return noCalls('');
      },
    });
    const oldBob = await stage.person('bob');
    await ann.startConversation('bob');
    await reaches(ann, await ann.sendText(idOf(oldBob), 'hello'), 'delivered');
    const bob = await stage.device('bob-2', {
      calls: ({ channel }) => {
        bobSays = channel;
        return noCalls('');
      },
    });
    await stage.signUp(bob, 'bob');
    await goesOffline(oldBob);
    const heard: Content['body']['case'][] = [];
    annHears!.onContent('callInvite', ({ content }) => heard.push(content.body.case));
    const invite = () => ({ case: 'callInvite', value: { callId: ANY_ID, callSecret: new Uint8Array(32) } }) as const;
    await bob.startConversation('ann');
    await bobSays!.sendToAccount(idOf(ann), invite, { urgent: true });
    await bob.sendText(idOf(ann), 'did it ring?');
    await shows(ann, bob, 'did it ring?');
    assert.equal((await ann.conversations())[0]?.identityChanged, true);
    assert.deepEqual(heard, []);
    await ann.acceptIdentity(idOf(bob));
    await bobSays!.sendToAccount(idOf(ann), invite, { urgent: true });
    await reaches(bob, await bob.sendText(idOf(ann), 'and now?'), 'delivered');
    assert.deepEqual(heard, ['callInvite']);
  });
});
