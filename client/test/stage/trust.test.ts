import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Store } from '../../src/ports.ts';
import { Stage, until } from './stage.ts';
import { goesOffline, goesOnline, idOf, messagesOf, reaches, shows, textsOf } from './watching.ts';

describe('identities, sessions and devices', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  test('[MSG-5] a handle signed up again: the devices are mended, the change is shown, nothing is sent until it is accepted', async () => {
    const ann = await stage.person('ann');
    const oldBob = await stage.person('bob');
    await ann.startConversation('bob');
    await ann.sendText(idOf(oldBob), 'to the old device');
    await shows(oldBob, ann, 'to the old device');
    const before = await ann.safetyNumber(idOf(oldBob));

    const bob = await stage.device('bob-2');
    await stage.signUp(bob, 'bob');
    assert.equal(idOf(bob), idOf(oldBob));
    await goesOffline(oldBob);
    assert.match(oldBob.connection.words ?? '', /no longer part of the account/);

    const held = await ann.sendText(idOf(bob), 'to the new device');
    const isChanged = async () => (await ann.conversations())[0]?.identityChanged === true;
    await until(ann, 'conversation', isChanged);
    assert.ok((await textsOf(ann, bob)).some((text) => text.includes('safety number of bob has changed')));
    assert.equal((await messagesOf(ann, bob)).find(({ id }) => id === held.id)?.status, 'sending');
    assert.deepEqual(await bob.conversations(), []);
    const after = await ann.safetyNumber(idOf(bob));
    assert.notEqual(after, before);

    await ann.acceptIdentity(idOf(bob));
    await reaches(ann, held, 'delivered');
    assert.deepEqual(await textsOf(bob, ann), ['to the new device']);
    assert.equal((await ann.conversations())[0]?.identityChanged, false);
    assert.equal(await bob.safetyNumber(idOf(ann)), after);
  });

  test('the new device writes first: it is read, and the change is shown', async () => {
    const ann = await stage.person('ann');
    const oldBob = await stage.person('bob');
    await ann.startConversation('bob');
    await ann.sendText(idOf(oldBob), 'hello');
    await shows(oldBob, ann, 'hello');
    const bob = await stage.device('bob-2');
    await stage.signUp(bob, 'bob');
    await bob.startConversation('ann');
    await bob.sendText(idOf(ann), 'it is me');
    await shows(ann, bob, 'it is me');
    assert.equal((await ann.conversations())[0]?.identityChanged, true);
    await ann.acceptIdentity(idOf(bob));
    const answer = await ann.sendText(idOf(bob), 'good');
    await reaches(ann, answer, 'delivered');
  });

  test('[E2EE-7] a message that cannot be opened is said in words, once, and the session is mended', async () => {
    const ann = await stage.person('ann');
    let bobStore: Store | undefined;
    const bob = await stage.person('bob', {
      store: (store) => {
        bobStore = store;
        return store;
      },
    });
    await ann.startConversation('bob');
    const first = await ann.sendText(idOf(bob), 'first');
    await reaches(ann, first, 'delivered');
    // Bob's device forgets the session, as if restored from an old backup.
    await bobStore!.transaction(async (tx) => {
      for (const { key } of await tx.list('sessions')) await tx.delete('sessions', key);
    });
    await ann.sendText(idOf(bob), 'lost one');
    await ann.sendText(idOf(bob), 'lost two');
    await shows(bob, ann, 'could not be opened');
    await shows(ann, bob, 'could not be opened there');
    const mended = await ann.sendText(idOf(bob), 'mended');
    await reaches(ann, mended, 'delivered');
    const texts = await textsOf(bob, ann);
    assert.equal(texts.filter((text) => text.includes('could not be opened')).length, 1, texts.join('; '));
    assert.equal(texts.at(-1), 'mended');
    const back = await bob.sendText(idOf(ann), 'all good');
    await reaches(bob, back, 'delivered');
  });

  test('[E2EE-7] both write first at the same moment: two sessions become one', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob');
    await Promise.all([ann.startConversation('bob'), bob.startConversation('ann')]);
    const [a, b] = await Promise.all([ann.sendText(idOf(bob), 'a'), bob.sendText(idOf(ann), 'b')]);
    await Promise.all([reaches(ann, a, 'delivered'), reaches(bob, b, 'delivered')]);
    for (let i = 0; i < 4; i++) {
      await reaches(ann, await ann.sendText(idOf(bob), `a${i}`), 'delivered');
      await reaches(bob, await bob.sendText(idOf(ann), `b${i}`), 'delivered');
    }
    assert.equal(
      (await textsOf(ann, bob)).some((text) => text.startsWith('(')),
      false,
    );
  });

  test('an expired token is refreshed by itself', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob');
    // An hour passes at the server: it takes none of the tokens it gave before.
    await stage.stopMessaging();
    await Promise.all([goesOffline(ann), goesOffline(bob)]);
    stage.skewMs = 3_600_000;
    const notices: string[] = [];
    ann.on('notice', ({ code }) => notices.push(code));
    await stage.startMessaging();
    await Promise.all([goesOnline(ann), goesOnline(bob)]);
    await ann.startConversation('bob');
    const message = await ann.sendText(idOf(bob), 'later');
    await reaches(ann, message, 'delivered');
    assert.deepEqual(notices, ['clock-wrong']);
  });
});
