import { after, type TestContext } from 'node:test';
import { RedisLink } from '@carillon/service/redis';
import { RedisStore } from '../../../src/io/redis/redisStore.ts';
import { RedisServer } from '../../redisServer.ts';
import { storeContract } from '../../storeContract.ts';

// A crash of Redis has its own tests: here the file need not be synced.
const server = RedisServer.start({ after }, ['--appendonly', 'no']);

async function openStore(t: TestContext): Promise<{ link: RedisLink; store: RedisStore }> {
  const link = await RedisLink.connect({ url: (await server).url });
  t.after(() => link.close());
  return { link, store: await RedisStore.open({ link, now: Date.now }) };
}

storeContract('redis', async (t) => {
  const { link, store } = await openStore(t);
  await link.everywhere(['FLUSHALL']);
  return { store, reopen: async () => (await openStore(t)).store };
});
