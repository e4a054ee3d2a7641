import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENDER_CHAIN_AGE_MAX_MS, SENDER_CHAIN_MESSAGES_MAX } from '@carillon/messaging-core/e2ee';
import { planKeys } from '../../../src/groups/core/keyPlan.ts';

const chain = { messages: 1, madeAtMs: 0, given: ['a.1', 'b.1'] };

test('[GROUP-22] a chain goes on while all who hold it are there; who lacks it is handed it', () => {
  assert.deepEqual(planKeys(chain, ['a.1', 'b.1'], 1), { rotate: false, lacking: [] });
  assert.deepEqual(planKeys(chain, ['a.1', 'b.1', 'b.2', 'c.1'], 1), { rotate: false, lacking: ['b.2', 'c.1'] });
});

test('[GROUP-22] it is made anew when a holder has gone, after 1,000 messages and after 7 days', () => {
  const all = ['a.1', 'b.1'];
  assert.deepEqual(planKeys(undefined, all, 1), { rotate: true });
  assert.deepEqual(planKeys(chain, ['a.1'], 1), { rotate: true });
  assert.deepEqual(planKeys({ ...chain, messages: SENDER_CHAIN_MESSAGES_MAX - 1 }, all, 1).rotate, false);
  assert.deepEqual(planKeys({ ...chain, messages: SENDER_CHAIN_MESSAGES_MAX }, all, 1), { rotate: true });
  assert.deepEqual(planKeys(chain, all, SENDER_CHAIN_AGE_MAX_MS - 1).rotate, false);
  assert.deepEqual(planKeys(chain, all, SENDER_CHAIN_AGE_MAX_MS), { rotate: true });
  assert.deepEqual([SENDER_CHAIN_MESSAGES_MAX, SENDER_CHAIN_AGE_MAX_MS], [1_000, 604_800_000]);
});
