import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { RedisShortLived } from '../../../src/io/redis/redisShortLived.ts';
import { LINKS_MAX, shortLivedContract } from '../../shortLivedContract.ts';

const server = RedisServer.start({ after });

shortLivedContract('RedisShortLived', async (t) => {
  const link = await RedisLink.connect({ url: (await server).url });
  t.after(() => link.close());
  await link.everywhere(['FLUSHALL']);
  return {
    shortLived: new RedisShortLived(link, { link: LINKS_MAX }),
    // Redis's own clock decides.
    elapse: (ms) => delay(ms + 5),
  };
});
