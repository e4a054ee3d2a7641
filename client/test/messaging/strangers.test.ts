// What a stranger may write into this device's store without a message to show for it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import {
  type AccountId,
  ContentSchema,
  type DeviceId,
  type Handle,
  type MessageId,
  ReceiptKind,
  ReceiptSchema,
} from '@carillon/protocol';
import { newContact } from '../../src/contacts/contactRecord.ts';
import { readConversationRecord, touchConversation } from '../../src/conversations/conversations.ts';
import type { GroupInboxParts } from '../../src/groups/groupInbox.ts';
import { applyContent } from '../../src/messaging/applyContent.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import type { StoreTransaction } from '../../src/ports.ts';
import { Changes } from '../../src/store/ledger.ts';

const id = () => randomBytes(16).toString('base64url') as MessageId;
const stranger = 'S'.repeat(22) as AccountId;

function receiptOf(tx: StoreTransaction, groups: GroupInboxParts, messageIds: string[]): Promise<boolean> {
  const value = create(ReceiptSchema, { kind: ReceiptKind.DELIVERED, messageIds });
  return applyContent(tx, new Changes(), groups, {
    from: { accountId: stranger, deviceId: 1 as DeviceId },
    contact: newContact(stranger, 'stranger' as Handle, [1 as DeviceId]),
    messageId: id(),
    content: create(ContentSchema, { body: { case: 'receipt', value } }),
    acceptedAtMs: 1,
    trusted: true,
  });
}

test('a receipt begins no conversation, and what receipts make up fills no store', async () => {
  const store = new SqliteStore(':memory:');
  const { crypto } = nodePlatform(store);
  const account = {
    accountId: 'M'.repeat(22) as AccountId,
    deviceId: 1 as DeviceId,
    handle: 'me' as Handle,
    name: 'Me',
  };
  const groups: GroupInboxParts = { crypto, account: () => account, now: () => 1, apply: async () => {} };
  await store.transaction(async (tx) => {
    await receiptOf(tx, groups, [id()]);
    assert.equal(await readConversationRecord(tx, stranger), undefined);
    for (let i = 0; i < 3; i++) await receiptOf(tx, groups, Array.from({ length: 400 }, id));
    assert.equal((await tx.list('received', { from: 'early-', to: 'early.' })).length, 500);
    // One that is there hears of them.
    await touchConversation(tx, stranger, 1, { accepted: true });
    await receiptOf(tx, groups, [id()]);
    assert.equal((await readConversationRecord(tx, stranger))?.heard, true);
  });
  await store.close();
});
