// What every adapter of the store port promises. An adapter's test calls this
// with a way to open it; `reopen` opens the same data after a clean close.
import { accountContract } from './storeContract/accounts.ts';
import { deviceContract } from './storeContract/devices.ts';
import { fanOutContract } from './storeContract/fanOut.ts';
import { contractOf, type OpenStore } from './storeContract/fixtures.ts';
import { groupContract } from './storeContract/groups.ts';
import { queueContract } from './storeContract/queues.ts';
import { settingsContract } from './storeContract/settings.ts';

export type { StoreUnderTest } from './storeContract/fixtures.ts';

export function storeContract(name: string, open: OpenStore): void {
  const contract = contractOf(name, open);
  accountContract(contract);
  deviceContract(contract);
  queueContract(contract);
  settingsContract(contract);
  groupContract(contract);
  fanOutContract(contract);
}
