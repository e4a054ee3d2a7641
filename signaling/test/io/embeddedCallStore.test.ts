import { describe } from 'node:test';
import { silentLog } from '@carillon/service';
import { EmbeddedCallStore } from '../../src/io/embeddedCallStore.ts';
import { SqliteCallFile } from '../../src/io/sqliteCallFile.ts';
import { callStoreContract, opened } from './callStoreContract.ts';

describe('calls of one node', () => {
  callStoreContract(async (t) => {
    const file = new SqliteCallFile(':memory:');
    const store = await opened(new EmbeddedCallStore({ file, callsMax: 100, log: silentLog }));
    t.after(() => store.store.close());
    return [store, store];
  });
});
