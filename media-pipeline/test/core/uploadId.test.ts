import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { BlobId } from '@carillon/protocol';
import fc from 'fast-check';
import { announcedBy, uploadIdOf } from '../../src/core/uploadId.ts';
import { newAccountId } from '../mediaUnderTest.ts';

const secret = randomBytes(32);
const blob = randomBytes(32).toString('base64url') as BlobId;

test('an upload id names its blob and length, and differs by account, blob, length and secret', () => {
  const sub = newAccountId();
  const id = uploadIdOf(secret, { sub, blob, bytes: 7 });
  assert.deepEqual(announcedBy(id), { blobId: blob, bytes: 7 });
  assert.equal(uploadIdOf(secret, { sub, blob, bytes: 7 }), id);
  const others = [
    uploadIdOf(secret, { sub: newAccountId(), blob, bytes: 7 }),
    uploadIdOf(secret, { sub, blob, bytes: 8 }),
    uploadIdOf(randomBytes(32), { sub, blob, bytes: 7 }),
  ];
  assert.equal(new Set([id, ...others]).size, 4);
});

test('nothing that passes for an upload id can leave its folder', () => {
  for (const text of ['', '..', '../x', `${blob}.0.${'A'.repeat(22)}`, `${blob}.1.${'A'.repeat(22)}/..`, `${blob}\0`]) {
    assert.equal(announcedBy(text), undefined, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (announcedBy(text)) assert.match(text, /^[A-Za-z0-9_.-]+$/);
    }),
  );
});
