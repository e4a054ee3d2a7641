import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { LocalBlobStore } from '../../src/io/localBlobStore.ts';
import { blobStoreContract } from '../blobStoreContract.ts';
import { temporaryFolder } from '../mediaUnderTest.ts';

blobStoreContract('local disk', async (t) => {
  const folder = await temporaryFolder(t);
  const stagingFolder = path.join(folder, 'staging');
  const root = path.join(folder, 'blobs');
  await mkdir(stagingFolder);
  await mkdir(root);
  return { blobs: new LocalBlobStore(root), stagingFolder };
});
