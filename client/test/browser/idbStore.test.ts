import 'fake-indexeddb/auto';
import { IdbStore } from '../../src/browser/idbStore.ts';
import { storeContract } from '../storeContract.ts';

let count = 0;

storeContract('IdbStore', () => {
  const name = `store-${count++}`;
  return {
    open: () => IdbStore.open(name),
    dispose: () =>
      new Promise((resolve) => {
        indexedDB.deleteDatabase(name).onsuccess = () => resolve();
      }),
  };
});
