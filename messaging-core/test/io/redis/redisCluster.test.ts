// The same contracts on a real cluster: a script that touched two slots would be
// refused there (CROSSSLOT), and what is published reaches all nodes by shards.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { RedisLink } from '@carillon/service/redis';
import { redisDurability } from '../../../src/io/redis/durability.ts';
import { RedisShortLived } from '../../../src/io/redis/redisShortLived.ts';
import { RedisStore } from '../../../src/io/redis/redisStore.ts';
import { RedisSwitchboard } from '../../../src/io/redis/redisSwitchboard.ts';
import { startRedisCluster } from '../../redisCluster.ts';
import { LINKS_MAX, shortLivedContract } from '../../shortLivedContract.ts';
import { storeContract } from '../../storeContract.ts';
import { switchboardContract } from '../../switchboardContract.ts';

const cluster = startRedisCluster({ after });

async function open(t: TestContext): Promise<RedisLink> {
  const link = await RedisLink.connect({ url: await cluster });
  t.after(() => link.close());
  return link;
}

storeContract('[NODE-8] redis cluster', async (t) => {
  const openStore = async () => {
    const link = await open(t);
    const invalidations = await RedisSwitchboard.open({ link, node: 'store', now: Date.now });
    t.after(() => invalidations.close());
    return { link, store: await RedisStore.open({ link, invalidations, now: Date.now }) };
  };
  const { link, store } = await openStore();
  await link.everywhere(['FLUSHALL']);
  return { store, reopen: async () => (await openStore()).store };
});

shortLivedContract('redis cluster', async (t) => {
  const link = await open(t);
  await link.everywhere(['FLUSHALL']);
  return {
    shortLived: new RedisShortLived(link, { link: LINKS_MAX }),
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 5)),
  };
});

switchboardContract('redis cluster', async (t) => {
  const openNode = async (node: string) => {
    const link = await open(t);
    const board = await RedisSwitchboard.open({ link, node, now: Date.now });
    t.after(() => board.close());
    return board;
  };
  return { here: await openNode('here'), there: await openNode('there') };
});

test('what a cluster keeps over a crash is what the primary that keeps least does', async (t) => {
  const { isDurable, words } = await redisDurability(await open(t));
  assert.equal(isDurable, false);
  assert.match(words, /no append-only file/);
});
