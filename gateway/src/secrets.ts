import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The secret that signaling and the relay share (TURN REST scheme), made at the first start and kept. */
export function turnSecret(dataDir: string): string {
  const file = path.join(dataDir, 'turn-secret');
  // One that a full disk or a power cut left empty is made anew.
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (kept !== '') return kept;
  mkdirSync(dataDir, { recursive: true });
  const secret = randomBytes(32).toString('base64url');
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return secret;
}
