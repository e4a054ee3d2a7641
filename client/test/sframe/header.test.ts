import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeHeader, encodeHeader, SFrameError } from '../../src/sframe/index.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

test('[SFRAME-1] any KID and CTR comes back from its header', () => {
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const small = fc.bigInt({ min: 0n, max: 300n });
  const value = fc.oneof(uint64, small);
  fc.assert(
    fc.property(value, value, fc.uint8Array({ maxLength: 20 }), (kid, ctr, tail) => {
      const header = encodeHeader({ kid, ctr });
      assert.ok(header.length <= 17);
      assert.deepEqual(decodeHeader(new Uint8Array([...header, ...tail])), { kid, ctr, headerBytes: header.length });
    }),
  );
  assert.throws(() => encodeHeader({ kid: 2n ** 64n, ctr: 0n }), RangeError);
  assert.throws(() => encodeHeader({ kid: 0n, ctr: -1n }), RangeError);
});

test('[SFRAME-1] a header that is cut off, or not in its shortest form, is refused', () => {
  for (const hex of [
    '',
    '80',
    '08',
    '88',
    '8801',
    'f8ffffffffffffff',
    '8007',
    '0807',
    '900001',
    '090001',
    '980000ff',
  ]) {
    assert.throws(() => decodeHeader(bytes(hex)), { name: 'SFrameError', code: 'malformed' }, hex);
  }
});

test('[SFRAME-1] whatever bytes come, the header decodes to what encodes to it, or is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (data) => {
      try {
        const { kid, ctr, headerBytes } = decodeHeader(data);
        assert.deepEqual(encodeHeader({ kid, ctr }), new Uint8Array(data.subarray(0, headerBytes)));
      } catch (error) {
        assert.ok(error instanceof SFrameError && error.code === 'malformed');
      }
    }),
    { numRuns: 1_000 },
  );
});
