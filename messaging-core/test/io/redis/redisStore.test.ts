import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { MessageId } from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { RedisStore } from '../../../src/io/redis/redisStore.ts';
import { RedisSwitchboard } from '../../../src/io/redis/redisSwitchboard.ts';
import { newId, newMessage, ROOMY, register } from '../../storeContract/fixtures.ts';
import { storeContract } from '../../storeContract.ts';

// A crash of Redis has its own tests: here the file need not be synced.
const server = RedisServer.start({ after }, ['--appendonly', 'no']);

async function openStore(t: TestContext): Promise<{ link: RedisLink; store: RedisStore }> {
  const link = await RedisLink.connect({ url: (await server).url });
  t.after(() => link.close());
  const switchboard = await RedisSwitchboard.open({ link, node: 'store', now: Date.now });
  t.after(() => switchboard.close());
  return { link, store: await RedisStore.open({ link, invalidations: switchboard, now: Date.now }) };
}

storeContract('redis', async (t) => {
  const { link, store } = await openStore(t);
  await link.everywhere(['FLUSHALL']);
  return { store, reopen: async () => (await openStore(t)).store };
});

test('[NODE-5] a device registered through one node is known to another at once', { timeout: 20_000 }, async (t) => {
  const { store: here } = await openStore(t);
  const { store: there } = await openStore(t);
  const before = await register(here, 'nod');
  assert.deepEqual((await there.accountById(before.accountId))?.deviceIds, [before.deviceId]);
  const next = await register(here, 'nod');
  // The word travels while the change is answered.
  while ((await there.accountById(before.accountId))?.deviceIds[0] !== next.deviceId)
    await new Promise((resolve) => setImmediate(resolve));
  const message = {
    from: before,
    messageId: newId() as MessageId,
    to: before.accountId,
    urgent: false,
    acceptedAtMs: 1,
    expiresAtMs: 2,
    envelopes: [],
  };
  assert.equal(
    (await there.enqueue(message, { messagesMax: 1, bytesMax: 1, senderPercent: 100 })).type,
    'sender-removed',
  );
});

test('a seq is not used again even when Redis lost its last writes', async (t) => {
  const { link, store } = await openStore(t);
  const [ana, ben] = [await register(store, `a${newId()}`), await register(store, `b${newId()}`)];
  const page = () => store.page(ben, { urgent: false, afterSeq: 0, limit: 10, nowMs: 0 });
  await store.enqueue(newMessage(ana, ben), ROOMY);
  const [lost] = await page();
  await store.acknowledge(ben, [lost!.seq]);
  const device = `carillon:{a:${ben.accountId}}:d:${ben.deviceId}`;
  await link.command(device, ['HDEL', device, 's']);
  const later = newMessage(ana, ben);
  await store.enqueue({ ...later, acceptedAtMs: later.acceptedAtMs + 1 }, ROOMY);
  assert.ok((await page())[0]!.seq > lost!.seq);
});
