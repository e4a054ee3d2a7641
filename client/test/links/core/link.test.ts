import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccountId, bytesToBase64url, ProtocolError } from '@carillon/protocol';
import fc from 'fast-check';
import { decodeCallLink, encodeCallLink, type LinkId, looksLikeCallLink } from '../../../src/links/core/link.ts';

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToBase64url);

test('[CLINK-8] a call link is read as it was made, from the whole address or what stands behind its #', () => {
  fc.assert(
    fc.property(id, id, fc.boolean(), (owner, linkId, video) => {
      const link = { owner: owner as AccountId, linkId: linkId as LinkId, video };
      const url = encodeCallLink('https://calls.example', link);
      const fragment = url.slice(url.indexOf('#'));
      for (const text of [url, ` ${url}\n`, fragment, fragment.replace('#', '#/'), fragment.slice(1)]) {
        assert.deepEqual(decodeCallLink(text), link);
        assert.ok(looksLikeCallLink(text));
      }
    }),
  );
});

test('[CLINK-8] whatever else is given is refused in words', () => {
  const bytes = fc.uint8Array({ maxLength: 64 }).map((some) => `#call/${bytesToBase64url(some)}`);
  fc.assert(
    fc.property(fc.oneof(fc.string(), bytes, fc.string({ unit: 'binary', maxLength: 4_000 })), (text) => {
      try {
        assert.equal(decodeCallLink(text).owner.length, 22);
      } catch (error) {
        assert.ok(error instanceof ProtocolError && error.code === 'invalid-request', String(error));
      }
    }),
  );
  assert.throws(() => decodeCallLink(`#call/${bytesToBase64url(new Uint8Array([2, 3]))}`), /newer app/);
});
