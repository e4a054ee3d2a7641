// The web app is built once and again only when something it is made of has changed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
export const WEB_DIST = path.join(root, 'web/dist');
const STAMP = path.join(WEB_DIST, '.built-from');
const SOURCES = [
  'web',
  'client/src',
  'protocol/src',
  'protocol/gen',
  'messaging-core/src/e2ee',
  'media-pipeline/src/sealing',
  'package-lock.json',
];

function sourcesHash(): string {
  const hash = createHash('sha256');
  const add = (file: string) => hash.update(path.relative(root, file)).update('\0').update(readFileSync(file));
  const walk = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!['dist', 'node_modules', 'test', '.vite'].includes(entry.name)) walk(file);
      } else {
        add(file);
      }
    }
  };
  for (const source of SOURCES) {
    const full = path.join(root, source);
    if (source.endsWith('.json')) add(full);
    else walk(full);
  }
  return hash.digest('hex');
}

/** True when there was something to build. @throws Error with the bundler's own words */
export async function ensureWebBuild(say: (words: string) => void): Promise<boolean> {
  const hash = sourcesHash();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return false;
  say('Building the web app…');
  const { build } = await import('vite');
  await build({ root: path.join(root, 'web'), configFile: path.join(root, 'web/vite.config.ts'), logLevel: 'warn' });
  writeFileSync(STAMP, hash);
  return true;
}
