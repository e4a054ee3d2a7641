// What it takes for a file or a name to survive loss of power (fsync(2): a new
// name is durable only once its folder is synced too).
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `root/parts…` durable, name by name; `root` exists already. */
export async function makeFolders(root: string, ...parts: readonly string[]): Promise<string> {
  let folder = root;
  for (const part of parts) {
    const parent = folder;
    folder = path.join(folder, part);
    await mkdir(folder, { mode: 0o700, recursive: true });
    // Also when it was there: whoever made it may have been killed before its own sync.
    await syncFolder(parent);
  }
  return folder;
}

/** Reads a private file, or writes it durably and whole with what `create` returns. */
export async function readOrCreatePrivate(file: string, create: () => Promise<string>): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = await create();
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(path.dirname(file));
  return text;
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
