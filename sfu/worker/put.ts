import { chmodSync, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';

/** Copies beside the target and renames: whoever looks meanwhile sees no worker or a whole one. */
export function putWorker(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  const fresh = `${to}.${process.pid}.tmp`;
  copyFileSync(from, fresh);
  chmodSync(fresh, 0o755);
  renameSync(fresh, to);
}
