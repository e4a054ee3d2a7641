// What a linked device gets of the past: the same whatever interrupts it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type AccountId,
  bytesToBase64url,
  type CallId,
  type DeviceId,
  type Handle,
  MediaKind,
  type MessageId,
  utf8,
} from '@carillon/protocol';
import { newContact, readContact, writeContact } from '../../src/contacts/contactRecord.ts';
import { listConversations, touchConversation } from '../../src/conversations/conversations.ts';
import { addMessage, listMessages } from '../../src/conversations/history.ts';
import { Emitter } from '../../src/events.ts';
import { exportHistory } from '../../src/history/exportHistory.ts';
import { importHistory } from '../../src/history/importHistory.ts';
import { keepMediaKey, mediaInfo, readMediaKey } from '../../src/media/mediaMessage.ts';
import type { Message, MessageBody } from '../../src/model.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import type { Store } from '../../src/ports.ts';
import { Ledger } from '../../src/store/ledger.ts';

const id = (seed: number) => bytesToBase64url(new Uint8Array(16).fill(seed));
const OWN = id(255) as AccountId;
const BOB = id(1) as AccountId;
const CAROL = id(2) as AccountId;
const never = new AbortController().signal;

const messageId = (n: number) => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, n + 1);
  return bytesToBase64url(bytes) as MessageId;
};

const open = () => {
  const store = new SqliteStore(':memory:');
  return { store, ledger: new Ledger(store, new Emitter()) };
};

async function shown(store: Store) {
  return store.transaction(async (tx) => ({
    conversations: (await listConversations(tx)).map(({ id, unread, title }) => ({ id, unread, title })),
    bob: await listMessages(tx, BOB, { limit: 500 }),
    carol: await listMessages(tx, CAROL, { limit: 500 }),
  }));
}

describe('history', () => {
  const from = open();
  before(async () => {
    await from.ledger.change(async (tx, changes) => {
      for (const [account, handle] of [
        [BOB, 'bob'],
        [CAROL, 'carol'],
        [OWN, 'ann'],
      ] as const) {
        const contact = newContact(account, handle as Handle, [1 as DeviceId]);
        await writeContact(tx, { ...contact, trusted: [new Uint8Array(32).fill(handle.length)] });
      }
      const add = async (n: number, conversation: AccountId, body: MessageBody, status: Message['status']) => {
        const outgoing = status !== 'unread';
        const message = { id: messageId(n), conversation, outgoing, author: undefined, body, sentAtMs: 1_000 + n };
        await addMessage(tx, changes, { ...message, status, receipts: undefined, failure: undefined });
        const more = outgoing ? { accepted: true } : { unread: 1, heard: true };
        await touchConversation(tx, conversation, message.sentAtMs, more);
      };
      for (let n = 0; n < 450; n++) {
        await add(n, n % 2 ? BOB : CAROL, { type: 'text', text: `text ${n}` }, n % 3 ? 'read' : 'unread');
      }
      const media = {
        kind: MediaKind.PHOTO,
        blobId: bytesToBase64url(new Uint8Array(32)),
        key: new Uint8Array(32).fill(3),
        sizeBytes: 10n,
        mimeType: 'image/png',
        thumbnail: new Uint8Array([1, 2, 3]),
      };
      await keepMediaKey(tx, messageId(900), media);
      const info = mediaInfo((await readMediaKey(tx, messageId(900)))!);
      await add(900, BOB, { type: 'media', media: info }, 'delivered');
      const call = { type: 'call', callId: id(9) as CallId, outcome: 'missed', video: true, durationMs: 0 } as const;
      await add(901, BOB, call, 'read');
      await add(902, BOB, { type: 'text', text: 'on its way' }, 'sending');
    });
  });
  after(() => from.store.close());

  test('[DEV-7] the last messages of each conversation, with media keys and trust; what is under way is not in it', async () => {
    const to = open();
    const blob = await exportHistory(from.ledger, OWN);
    await importHistory(to.ledger, blob, () => {}, never);
    const [before, now] = [await shown(from.store), await shown(to.store)];
    assert.deepEqual(now.carol, before.carol.slice(-200));
    assert.deepEqual(now.bob, before.bob.filter(({ status }) => status !== 'sending').slice(-199));
    assert.deepEqual(
      now.conversations.map(({ title }) => title),
      ['bob', 'carol'],
    );
    const [bobKey, bob, own] = await to.store.transaction(async (tx) => [
      await readMediaKey(tx, messageId(900)),
      await readContact(tx, BOB),
      await readContact(tx, OWN),
    ]);
    assert.deepEqual(bobKey?.key, new Uint8Array(32).fill(3));
    assert.deepEqual(bob?.trusted, [new Uint8Array(32).fill(3)]);
    assert.deepEqual(bob?.devices, []);
    assert.equal(own, undefined);
    await to.store.close();
  });

  test('[DEV-7] interrupted after each batch, and begun anew: everything once', async () => {
    const blob = await exportHistory(from.ledger, OWN);
    const whole = open();
    await importHistory(whole.ledger, blob, () => {}, never);
    const to = open();
    for (let done = 0; done >= 0; ) {
      const killed = new AbortController();
      const before = done;
      await importHistory(
        to.ledger,
        blob,
        (now) => {
          done = now;
          killed.abort();
        },
        killed.signal,
      );
      if (done === before) break;
    }
    assert.deepEqual(await shown(to.store), await shown(whole.store));
    // Forgotten how far it was, it is begun anew.
    await to.store.transaction((tx) => tx.delete('account', 'history-lines-done'));
    await importHistory(to.ledger, blob, () => {}, never);
    assert.deepEqual(await shown(to.store), await shown(whole.store));
    await Promise.all([to.store.close(), whole.store.close()]);
  });

  test('[DEV-7] no more than fits, and of each conversation the newest; lines that are none harm nothing', async () => {
    const blob = await exportHistory(from.ledger, OWN, 20_000);
    assert.ok(blob.length <= 20_000 && blob.length > 15_000);
    const to = open();
    const noise = utf8('not a line\n{"line":"message"}\n{"line":"contact","accountId":"x"}\n');
    await importHistory(to.ledger, new Uint8Array([...noise, ...blob]), () => {}, never);
    const { bob } = await shown(to.store);
    assert.ok(bob.length > 10 && bob.length < 199);
    assert.equal(bob.at(-1)?.body.type, 'call');
    await to.store.close();
  });
});
