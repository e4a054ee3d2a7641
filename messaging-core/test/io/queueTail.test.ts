// What the store's contract cannot see: that a tail is really used, and how it ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId, MessageId } from '@carillon/protocol';
import { QueueTail, TailBudget, type TailEnvelope } from '../../src/io/queueTail.ts';

function envelope(seq: number, bytes = 10, expiresAtMs = 1000): TailEnvelope {
  return {
    envelope: {
      seq,
      urgent: false,
      messageId: String(seq) as MessageId,
      from: { accountId: 'ANA' as AccountId, deviceId: 1 as DeviceId },
      groupId: undefined,
      kind: 2,
      ciphertext: new Uint8Array(bytes),
      acceptedAtMs: 0,
    },
    expiresAtMs,
    groupMessageKey: null,
  };
}

const seqs = (page: readonly TailEnvelope[] | undefined) => page?.map((one) => one.envelope.seq);

test('[MSG-13] a tail knows what came after the end that was read, and nothing before it', () => {
  const tail = new QueueTail(new TailBudget());
  tail.push(envelope(5));
  assert.equal(tail.page(5, 10, 0), undefined, 'nobody has read to the end');
  tail.begin(5);
  assert.deepEqual(seqs(tail.page(5, 10, 0)), []);
  for (const seq of [6, 7, 8]) tail.push(envelope(seq, 10, seq * 100));
  assert.equal(tail.page(4, 10, 0), undefined, 'the database knows what was before');
  assert.deepEqual(seqs(tail.page(5, 2, 0)), [6, 7]);
  assert.deepEqual(seqs(tail.page(5, 10, 700)), [8], 'what has expired is passed over');
  tail.remove(7);
  assert.deepEqual(seqs(tail.page(5, 10, 0)), [6, 8]);
  assert.deepEqual(seqs(tail.page(6, 10, 0)), [8]);
  assert.equal(tail.page(5, 10, 0), undefined, 'what was read on from is let go');
});

test('[MSG-13] a tail that grows too long ends, and all do when together they hold too much', () => {
  const budget = new TailBudget();
  const [long, other] = [new QueueTail(budget), new QueueTail(budget)];
  long.begin(0);
  for (let seq = 1; seq <= 128; seq++) long.push(envelope(seq));
  assert.equal(long.page(0, 1000, 0)?.length, 128);
  long.push(envelope(129));
  assert.equal(long.page(0, 1000, 0), undefined);

  const mebibyte = 1024 * 1024;
  for (const tail of [long, other]) tail.begin(200);
  for (let seq = 201; seq <= 232; seq++) for (const tail of [long, other]) tail.push(envelope(seq, mebibyte));
  assert.equal(long.page(200, 1000, 0)?.length, 32);
  other.push(envelope(233, 1));
  for (const tail of [long, other]) assert.equal(tail.page(200, 1000, 0), undefined);
  // What ended is not held against those that begin anew.
  other.begin(233);
  for (let seq = 234; seq < 234 + 60; seq++) other.push(envelope(seq, mebibyte));
  assert.equal(other.page(233, 1000, 0)?.length, 60);
});
