import { MemoryShortLived } from '../../../src/io/memory/memoryShortLived.ts';
import { LINKS_MAX, shortLivedContract } from '../../shortLivedContract.ts';

shortLivedContract('MemoryShortLived', async () => {
  let nowMs = 1_800_000_000_000;
  return {
    shortLived: new MemoryShortLived(() => nowMs, { link: LINKS_MAX }),
    elapse: async (ms) => {
      nowMs += ms;
    },
  };
});
