import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, isErrorCode, ProtocolError } from '../src/index.ts';

test('[WIRE-7] every code has a private close code, an HTTP error status, and words', () => {
  for (const [code, { close, status, words }] of Object.entries(ERRORS)) {
    assert.ok(close >= 4000 && close <= 4999, code);
    assert.ok(status >= 400 && status <= 599, code);
    assert.match(words, /^[A-Z].*[.!]$/, code);
    // A close reason holds 123 bytes (RFC 6455 §5.5).
    assert.ok(Buffer.byteLength(code) <= 123, code);
  }
});

test('names of object properties are no codes', () => {
  assert.equal(isErrorCode('constructor'), false);
  assert.equal(isErrorCode('rate-limited'), true);
  assert.equal(new ProtocolError('rate-limited', { retryAfterMs: 5 }).details.retryAfterMs, 5);
});
