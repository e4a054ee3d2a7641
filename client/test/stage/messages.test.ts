import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { IdbStore } from '../../src/browser/idbStore.ts';
import { FaultyStore } from './faultyStore.ts';
import { LyingServer } from './lyingServer.ts';
import { Stage, until } from './stage.ts';
import { goesOffline, goesOnline, idOf, messagesOf, reaches, shows, textsOf } from './watching.ts';

describe('messages between two devices', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  test('text both ways, with ticks, and the same safety number', async () => {
    const [ann, bob] = await Promise.all([stage.person('ann'), stage.person('bob')]);
    const conversation = await ann.startConversation('@Bob');
    assert.equal(conversation.with.handle, 'bob');
    const hello = await ann.sendText(idOf(bob), 'Hello Bob');
    assert.equal(hello.status, 'sending');
    await reaches(ann, hello, 'delivered');
    const [fromAnn] = await bob.conversations();
    assert.deepEqual(
      [fromAnn?.with?.handle, fromAnn?.unread, fromAnn?.lastMessage?.body],
      ['ann', 1, { type: 'text', text: 'Hello Bob' }],
    );
    await bob.markRead(idOf(ann));
    await reaches(ann, hello, 'read');
    assert.equal((await bob.conversations())[0]?.unread, 0);
    const answer = await bob.sendText(idOf(ann), 'Hello Ann');
    await reaches(bob, answer, 'delivered');
    assert.deepEqual(await textsOf(ann, bob), ['Hello Bob', 'Hello Ann']);
    const number = await ann.safetyNumber(idOf(bob));
    assert.match(number, /^\d{60}$/);
    assert.equal(await bob.safetyNumber(idOf(ann)), number);
  });

  test('many at once, from both sides, arrive once each and in order; one of them on IndexedDB', async () => {
    const ann = await stage.person('ann', { replaceStore: () => IdbStore.open(`stage-${Math.random()}`) });
    const bob = await stage.person('bob');
    await Promise.all([ann.startConversation('bob'), bob.startConversation('ann')]);
    const numbers = Array.from({ length: 30 }, (_, i) => i);
    for (const i of numbers) await Promise.all([ann.sendText(idOf(bob), `a${i}`), bob.sendText(idOf(ann), `b${i}`)]);
    await Promise.all([shows(bob, ann, 'a29'), shows(ann, bob, 'b29')]);
    for (const [device, other] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const texts = await textsOf(device, other);
      assert.deepEqual(
        texts.filter((text) => text.startsWith('a')),
        numbers.map((i) => `a${i}`),
      );
      assert.deepEqual(
        texts.filter((text) => text.startsWith('b')),
        numbers.map((i) => `b${i}`),
      );
      assert.equal(texts.length, 60);
    }
  });

  test('[MSG-26] a refusal in the middle of many under way: those behind it do not overtake', async () => {
    const server = new LyingServer();
    const ann = await stage.person('ann', { platform: { WebSocket: server.WebSocket } });
    const bob = await stage.person('bob');
    await reaches(ann, await ann.sendText(idOf(bob), 'first'), 'delivered');
    await stage.stopMessaging();
    await goesOffline(ann);
    const numbers = Array.from({ length: 20 }, (_, i) => `${i}`);
    for (const number of numbers) await ann.sendText(idOf(bob), number);
    let sends = 0;
    server.mishear = ({ body }) => {
      // To nobody: the server says which devices there are.
      if (body.case === 'send' && ++sends === 6) body.value.envelopes = [];
    };
    await stage.startMessaging();
    await shows(bob, ann, '19');
    await until(bob, 'message', async () => (await textsOf(bob, ann)).length === 21);
    assert.deepEqual(await textsOf(bob, ann), ['first', ...numbers]);
    assert.ok(sends > 20);
  });

  test('the recipient was offline, and the sender closed meanwhile', async () => {
    let ann = await stage.person('ann');
    let bob = await stage.person('bob');
    await bob.close();
    await ann.startConversation('bob');
    const bobId = idOf(bob);
    const hello = await ann.sendText(bobId, 'Are you there?');
    await reaches(ann, hello, 'sent');
    await ann.close();
    bob = await stage.device('bob');
    await shows(bob, ann, 'Are you there?');
    ann = await stage.device('ann');
    await reaches(ann, hello, 'delivered');
  });

  test('the server is killed and started again: what was written meanwhile goes, nothing is lost', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob');
    await ann.startConversation('bob');
    await ann.sendText(idOf(bob), 'before');
    await shows(bob, ann, 'before');
    await stage.stopMessaging();
    await Promise.all([goesOffline(ann), goesOffline(bob)]);
    assert.match(ann.connection.words ?? '', /restarting|reached/);
    const meanwhile = await ann.sendText(idOf(bob), 'meanwhile');
    assert.equal(meanwhile.status, 'sending');
    await stage.startMessaging();
    await reaches(ann, meanwhile, 'delivered');
    assert.deepEqual(await textsOf(bob, ann), ['before', 'meanwhile']);
  });

  test('written offline, closed, opened again: it goes', async () => {
    let ann = await stage.person('ann');
    const bob = await stage.person('bob');
    await ann.startConversation('bob');
    await stage.stopMessaging();
    await goesOffline(ann);
    const waiting = await ann.sendText(idOf(bob), 'waiting');
    await ann.close();
    await stage.startMessaging();
    ann = await stage.device('ann');
    await reaches(ann, waiting, 'delivered');
  });

  test('[MSG-2] killed between commit and acknowledgement: it comes again, and is shown once', async () => {
    const ann = await stage.person('ann');
    let faulty: FaultyStore | undefined;
    let bob = await stage.person('bob', {
      store: (store) => {
        faulty = new FaultyStore(store);
        return faulty;
      },
    });
    await ann.startConversation('bob');
    const committed = Promise.withResolvers<void>();
    const killed = Promise.withResolvers<void>();
    faulty!.afterCommit = (written) => {
      if (!written.has('received')) return undefined;
      committed.resolve();
      // The process hears nothing more of it, and so never acknowledges.
      return killed.promise.then(() => Promise.reject(new Error('killed')));
    };
    await ann.sendText(idOf(bob), 'once');
    await committed.promise;
    const closing = bob.close();
    killed.resolve();
    await closing;
    bob = await stage.device('bob');
    await ann.sendText(idOf(bob), 'and then');
    await shows(bob, ann, 'and then');
    assert.deepEqual(await textsOf(bob, ann), ['once', 'and then']);
  });

  test('[MSG-3] killed after the server took it, before that was noted: the same bytes again, shown once', async () => {
    let faulty: FaultyStore | undefined;
    let ann = await stage.person('ann', {
      store: (store) => {
        faulty = new FaultyStore(store);
        return faulty;
      },
    });
    const bob = await stage.person('bob');
    await ann.startConversation('bob');
    const stuck = new Promise((resolve) => ann.on('notice', resolve));
    const message = await ann.sendText(idOf(bob), 'once');
    faulty!.beforeCommit = (written) => {
      if (written.has('messages')) throw new Error('killed');
    };
    await shows(bob, ann, 'once');
    await stuck;
    await ann.close();
    ann = await stage.device('ann');
    await reaches(ann, message, 'delivered');
    await ann.sendText(idOf(bob), 'and then');
    await shows(bob, ann, 'and then');
    assert.deepEqual(await textsOf(bob, ann), ['once', 'and then']);
  });

  test('killed between opening and commit: opened again with the ratchet as it was', async () => {
    const ann = await stage.person('ann');
    let faulty: FaultyStore | undefined;
    const bob = await stage.person('bob', {
      store: (store) => {
        faulty = new FaultyStore(store);
        return faulty;
      },
    });
    await ann.startConversation('bob');
    let failures = 2;
    faulty!.beforeCommit = (written) => {
      if (written.has('received') && failures-- > 0) throw new Error('disk full');
    };
    const notices: string[] = [];
    bob.on('notice', ({ code }) => notices.push(code));
    await ann.sendText(idOf(bob), 'survives');
    await shows(bob, ann, 'survives');
    assert.deepEqual(await textsOf(bob, ann), ['survives']);
    assert.ok(notices.includes('storage-lost'));
  });

  test('a stranger writes first: the handle is the directory’s', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob');
    await ann.setName('Ann the Third');
    await ann.startConversation('bob');
    await ann.sendText(idOf(bob), 'You do not know me');
    await shows(bob, ann, 'You do not know me');
    const [conversation] = await bob.conversations();
    assert.deepEqual(conversation?.with, { accountId: idOf(ann), handle: 'ann', name: 'Ann the Third' });
  });

  test('refusals come in words', async () => {
    const ann = await stage.person('ann');
    await assert.rejects(ann.startConversation('nobody.here'), { code: 'account-unknown' });
    await assert.rejects(ann.startConversation('!'), { code: 'handle-invalid' });
    await assert.rejects(ann.startConversation('ann'), { message: 'That is your own name.' });
    assert.equal(await ann.contactByHandle('nobody.here'), undefined);
    await assert.rejects(ann.calls.start([], { video: false }), { message: 'This program cannot make calls.' });
    const stranger = await stage.device('stranger');
    await assert.rejects(stranger.startConversation('ann'), { message: 'Nobody is signed in on this device yet.' });
    const { registrationId } = await stranger.beginRegistration('stranger');
    await assert.rejects(stranger.finishRegistration(registrationId, '12', ''), {
      message: 'The code has six digits.',
    });
    await assert.rejects(stranger.finishRegistration('x', '123456', ''), { code: 'registration-unknown' });
    await assert.rejects(ann.sendText(idOf(ann), 'x'.repeat(20_000)), { code: 'frame-too-large' });
  });

  test('signing out forgets everything', async () => {
    const ann = await stage.person('ann');
    const bob = await stage.person('bob');
    await ann.startConversation('bob');
    await ann.sendText(idOf(bob), 'hello');
    await ann.signOut();
    assert.equal(ann.account, undefined);
    assert.deepEqual(await ann.conversations(), []);
    await stage.signUp(ann, 'ann');
    await goesOnline(ann);
    assert.deepEqual(await messagesOf(ann, bob), []);
  });
});
