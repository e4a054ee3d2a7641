import { MemorySwitchboard } from '../../../src/io/memory/memorySwitchboard.ts';
import { switchboardContract } from '../../switchboardContract.ts';

switchboardContract('MemorySwitchboard', async () => {
  const switchboard = new MemorySwitchboard(Date.now);
  return { here: switchboard, there: switchboard };
});
