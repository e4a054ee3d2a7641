import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const folder = path.resolve(import.meta.dirname, '..');
const bin = path.resolve(folder, '../node_modules/.bin');

test('gen/ is what the .proto files say', () => {
  const out = mkdtempSync(path.join(tmpdir(), 'carillon-protocol-'));
  try {
    execFileSync(path.join(bin, 'buf'), ['generate', '--output', out], {
      cwd: folder,
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, BUF_CACHE_DIR: out },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const made = path.join(out, 'gen/carillon/v1');
    const kept = path.join(folder, 'gen/carillon/v1');
    assert.deepEqual(readdirSync(kept).sort(), readdirSync(made).sort());
    for (const file of readdirSync(made)) {
      assert.equal(
        readFileSync(path.join(kept, file), 'utf8'),
        readFileSync(path.join(made, file), 'utf8'),
        `${file}: run npm run generate`,
      );
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});
