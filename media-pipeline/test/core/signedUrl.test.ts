import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { BlobId } from '@carillon/protocol';
import { checkUrl, signUrl } from '../../src/core/signedUrl.ts';

const secret = randomBytes(32);
const blobId = randomBytes(32).toString('base64url') as BlobId;
const queryOf = (url: string) => new URL(url, 'http://x').searchParams;

test('[BLOB-6] a link is good until it expires, for its blob and no other', () => {
  const { url, expiresAtMs } = signUrl(secret, blobId, 1_000_000, 3_600_000);
  assert.ok(url.startsWith('/media/v1/blobs/'), 'relative');
  assert.equal(expiresAtMs, 4_600_000);
  checkUrl(secret, blobId, queryOf(url), expiresAtMs - 1);
  assert.throws(() => checkUrl(secret, blobId, queryOf(url), expiresAtMs), { code: 'url-expired' });
  const other = randomBytes(32).toString('base64url') as BlobId;
  assert.throws(() => checkUrl(secret, other, queryOf(url), 0), { code: 'url-invalid' });
  assert.throws(() => checkUrl(randomBytes(32), blobId, queryOf(url), 0), { code: 'url-invalid' });
});

test('[BLOB-6] a later expiry, or none, makes a link invalid', () => {
  const query = queryOf(signUrl(secret, blobId, 0, 1_000).url);
  const signature = query.get('signature')!;
  for (const text of [
    `expires=2&signature=${signature}`,
    `signature=${signature}`,
    'expires=1',
    '',
    'expires=1&signature=%00',
  ]) {
    assert.throws(() => checkUrl(secret, blobId, new URLSearchParams(text), 0), { code: 'url-invalid' }, text);
  }
});
