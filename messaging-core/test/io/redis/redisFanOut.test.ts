// Fan-out by several nodes on one Redis: each device once and in order, whoever
// works at the same time or dies in between.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { Address } from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { MemorySwitchboard } from '../../../src/io/memory/memorySwitchboard.ts';
import { RedisStore } from '../../../src/io/redis/redisStore.ts';
import { group, groupMessage, NOW, newId, page, ROOMY, register } from '../../storeContract/fixtures.ts';

const server = RedisServer.start({ after }, ['--appendonly', 'no']);
const MEMBERS = 40;
const MESSAGES = 12;
const LEASE_MS = 10_000;

interface Node {
  readonly link: RedisLink;
  readonly store: RedisStore;
}

async function openNode(t: TestContext): Promise<Node> {
  const link = await RedisLink.connect({ url: (await server).url });
  t.after(() => link.close());
  return {
    link,
    store: await RedisStore.open({ link, invalidations: new MemorySwitchboard(Date.now), now: Date.now }),
  };
}

const step = ({ store }: Node, nowMs: number, devicesMax = 7) =>
  store.fanOut({ leaseMs: LEASE_MS, devicesMax, limits: ROOMY, nowMs });

async function startGroup({ store }: Node): Promise<{ members: readonly Address[]; ids: readonly string[] }> {
  await RedisLink.connect({ url: (await server).url }).then(async (link) => {
    await link.everywhere(['FLUSHALL']);
    await link.close();
  });
  const members = await Promise.all(Array.from({ length: MEMBERS }, () => register(store, `m${newId()}`)));
  const { groupId } = await group(store, members);
  const ids: string[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const message = await groupMessage(store, members[i % 3]!, groupId, { expiresAtMs: NOW + 10 * LEASE_MS });
    await store.acceptGroupMessage(message);
    ids.push(message.messageId);
  }
  return { members, ids };
}

/** Each member's queue: all messages but the own ones, each once, in order. */
async function assertDelivered({ store }: Node, members: readonly Address[], ids: readonly string[]): Promise<void> {
  for (const [at, member] of members.entries()) {
    const expected = ids.filter((_, i) => i % 3 !== at);
    const queued = await page(store, member);
    assert.deepEqual(
      queued.map(({ messageId }) => messageId),
      expected,
    );
  }
}

test('[GROUP-5] several nodes at once', { timeout: 20_000 }, async (t) => {
  const nodes = [await openNode(t), await openNode(t), await openNode(t)];
  const { members, ids } = await startGroup(nodes[0]!);
  await Promise.all(
    nodes.map(async (node) => {
      while ((await step(node, NOW)).more);
    }),
  );
  // The last to hold the lease may have been behind another that saw nothing left to take.
  while ((await step(nodes[0]!, NOW)).more);
  await assertDelivered(nodes[0]!, members, ids);
});

test('[GROUP-5] without leases that hold, as where each step is slower than they are', {
  timeout: 20_000,
}, async (t) => {
  const nodes = [await openNode(t), await openNode(t)];
  const { members, ids } = await startGroup(nodes[0]!);
  let nowMs = NOW;
  await Promise.all(
    nodes.map(async (node) => {
      do nowMs += LEASE_MS / 100;
      while ((await node.store.fanOut({ leaseMs: 0, devicesMax: 9, limits: ROOMY, nowMs })).more);
    }),
  );
  await assertDelivered(nodes[0]!, members, ids);
});

test('[GROUP-5] [NODE-6] a node dies in its step, and another goes on when the lease is over', {
  timeout: 20_000,
}, async (t) => {
  const survivor = await openNode(t);
  const { members, ids } = await startGroup(survivor);
  let nowMs = NOW;
  for (const diesAfterMs of [1, 2, 4, 8]) {
    const dying = await openNode(t);
    const ended = step(dying, nowMs, 1000).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, diesAfterMs));
    await dying.link.close();
    await ended;
    nowMs += LEASE_MS;
  }
  while ((await step(survivor, nowMs, 1000)).more);
  await assertDelivered(survivor, members, ids);
});
