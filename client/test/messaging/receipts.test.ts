import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import type { AccountId, DeviceId, GroupId, Handle, MessageId } from '@carillon/protocol';
import { touchConversation } from '../../src/conversations/conversations.ts';
import { Emitter } from '../../src/events.ts';
import { type GroupRecord, writeGroup } from '../../src/groups/groupRecord.ts';
import { decodeContent } from '../../src/messaging/content.ts';
import type { OutboxItem } from '../../src/messaging/outbox.ts';
import {
  DeliveredReceipts,
  LARGE_GROUP_BATCH_MS,
  LARGE_GROUP_MEMBERS,
  oweDelivered,
} from '../../src/messaging/receipts.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import { Ledger } from '../../src/store/ledger.ts';

const id = () => randomBytes(16).toString('base64url');
const account = { accountId: id() as AccountId, deviceId: 1 as DeviceId, handle: 'ann' as Handle, name: 'Ann' };
const author = id() as AccountId;

describe('receipts for what was delivered', () => {
  let store: SqliteStore;
  let ledger: Ledger;
  let receipts: DeliveredReceipts;
  let nowMs = 1_000;
  let onQueued = () => {};
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    store = new SqliteStore(':memory:');
    ledger = new Ledger(store, new Emitter());
    const platform = { ...nodePlatform(store), now: () => nowMs };
    receipts = new DeliveredReceipts({ platform, ledger, account: () => account, onQueued: () => onQueued() });
    nowMs = 1_000;
  });
  afterEach(async () => {
    receipts.close();
    mock.timers.reset();
    await store.close();
  });

  async function groupOf(members: number): Promise<GroupId> {
    const groupId = `g${id()}` as GroupId;
    const group: GroupRecord = {
      groupId,
      key: new Uint8Array(32),
      revision: 1,
      members: Array.from({ length: members }, () => [id() as AccountId, 'member'] as const),
      name: 'Many',
      picture: undefined,
      stateDigest: new Uint8Array(32),
      joined: true,
      devicesRevision: 1n,
    };
    await ledger.change(async (tx) => {
      await writeGroup(tx, group);
      await touchConversation(tx, groupId, 1, { accepted: true });
    });
    return groupId;
  }

  const owe = (groupId: GroupId | undefined) =>
    ledger.change((tx) => oweDelivered(tx, author, id() as MessageId, groupId));

  async function sent(): Promise<number[]> {
    const rows = await ledger.read((tx) => tx.list<OutboxItem>('outbox', { from: 'q/', to: 'q0' }));
    return rows.map(({ value }) => {
      const { body } = decodeContent(value.content);
      return body.case === 'receipt' ? body.value.messageIds.length : -1;
    });
  }

  test('[PRES-16] what is owed to strangers, however much, holds up nobody else', async () => {
    const stranger = 'A'.repeat(22) as AccountId;
    const friend = 'B'.repeat(22) as AccountId;
    await ledger.change(async (tx) => {
      for (let i = 0; i < 1_100; i++) await oweDelivered(tx, stranger, id() as MessageId);
      await oweDelivered(tx, friend, id() as MessageId);
      await touchConversation(tx, friend, 1, { accepted: true });
      await touchConversation(tx, stranger, 1, { heard: true });
    });
    await receipts.flush();
    assert.deepEqual(await sent(), [1]);
  });

  test('[MSG-22] in a group of up to 32 they go at once', async () => {
    const groupId = await groupOf(LARGE_GROUP_MEMBERS);
    await owe(groupId);
    await receipts.flush();
    assert.deepEqual(await sent(), [1]);
  });

  test('[MSG-22] in a larger one they are gathered for 10 seconds, and go together', async () => {
    const groupId = await groupOf(LARGE_GROUP_MEMBERS + 1);
    for (let i = 0; i < 5; i++) {
      await owe(groupId);
      await receipts.flush();
    }
    assert.deepEqual(await sent(), []);
    const gone = new Promise<void>((resolve) => {
      onQueued = resolve;
    });
    nowMs += LARGE_GROUP_BATCH_MS;
    mock.timers.tick(LARGE_GROUP_BATCH_MS);
    await gone;
    assert.deepEqual(await sent(), [5]);
  });

  test('[PRES-16] to a stranger none goes until they are accepted, then all do', async () => {
    await ledger.change((tx) => touchConversation(tx, author, 1, { heard: true }));
    await owe(undefined);
    await owe(undefined);
    await receipts.flush();
    assert.deepEqual(await sent(), []);
    await ledger.change((tx) => touchConversation(tx, author, 2, { accepted: true }));
    await receipts.flush();
    assert.deepEqual(await sent(), [2]);
  });
});
