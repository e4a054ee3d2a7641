// Large values lie as files beside the database: through its log they would be
// written twice, and a commit would wait for both.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** From here on a file's own fsync costs less than the second writing. */
export const LARGE_BYTES = 256 * 1024;

export class LargeValues {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Resolves with the file's name once its bytes and its name are on the disk. */
  async write(bytes: Uint8Array): Promise<string> {
    const name = randomBytes(16).toString('hex');
    const file = await open(join(this.#folder, name), 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const folder = await open(this.#folder, 'r');
    await folder.sync().finally(() => folder.close());
    return name;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await readFile(join(this.#folder, name));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) await rm(join(this.#folder, name), { force: true });
  }

  /** What a crash left behind between file and commit goes. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#folder)) {
      if (!names.has(name)) rmSync(join(this.#folder, name), { force: true });
    }
  }
}
