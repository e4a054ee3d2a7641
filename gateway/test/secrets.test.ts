import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { turnSecret } from '../src/secrets.ts';

test("the relay's secret is kept; one that a power cut left empty is made anew", () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-secret-'));
  try {
    const first = turnSecret(dir);
    assert.match(first, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(turnSecret(dir), first);
    writeFileSync(path.join(dir, 'turn-secret'), '');
    const second = turnSecret(dir);
    assert.match(second, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(turnSecret(dir), second);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
