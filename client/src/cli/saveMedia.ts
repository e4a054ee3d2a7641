import { mkdir, open } from 'node:fs/promises';
import { join, parse } from 'node:path';

/** Names tried before giving up on a folder full of the same. */
const ATTEMPTS_MAX = 1_000;

/** Writes into the folder under a name of its own; what the sender called it only suggests it. */
export async function saveMedia(folder: string, suggested: string, bytes: Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true });
  // No separators, no leading dot, nothing that a file system or shell takes amiss.
  const safe =
    suggested
      .replaceAll(/[^\p{L}\p{N} ._-]/gu, '_')
      .replace(/^[. ]+/, '')
      .slice(0, 100) || 'media';
  const { name, ext } = parse(safe);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const path = join(folder, attempt === 1 ? safe : `${name} (${attempt})${ext}`);
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(bytes).finally(() => file.close());
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`The folder ${folder} has too many files called ${safe}.`);
}
