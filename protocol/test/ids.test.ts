import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accountIdSchema,
  base64urlToBytes,
  blobIdSchema,
  bytesToBase64url,
  concatBytes,
  deviceIdSchema,
  handleSchema,
} from '../src/index.ts';

test('ids are canonical base64url of 16 and of 32 bytes, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = bytesToBase64url(bytes);
      assert.equal(accountIdSchema.safeParse(text).success, bytes.length === 16);
      assert.equal(blobIdSchema.safeParse(text).success, bytes.length === 32);
      assert.deepEqual(base64urlToBytes(text), Uint8Array.from(bytes));
    }),
  );
  // The last character's spare bits must be zero: one id has one spelling.
  assert.equal(accountIdSchema.safeParse('AAAAAAAAAAAAAAAAAAAAAB').success, false);
  for (const text of ['', '../../../etc/passwd000', 'AAAAAAAAAAAAAAAAAAAAA\n', 'AAAAAAAAAAAAAAAAAAAA=='])
    assert.equal(accountIdSchema.safeParse(text).success, false, text);
});

test('handles are folded, and bounded', () => {
  assert.equal(handleSchema.parse(' @Ana.Lopez '), 'ana.lopez');
  for (const text of ['ab', '-ana', 'ana-', 'a na', 'añа', 'x'.repeat(33), ''])
    assert.equal(handleSchema.safeParse(text).success, false, text);
});

test('device ids are positive 31-bit integers', () => {
  for (const id of [0, -1, 1.5, 2 ** 31, Number.NaN]) assert.equal(deviceIdSchema.safeParse(id).success, false);
  assert.equal(deviceIdSchema.parse(1), 1);
});

test('bytes are joined', () => {
  assert.deepEqual(concatBytes(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
});
