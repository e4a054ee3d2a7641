import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pad, paddedLength, unpad } from '../../src/e2ee/index.ts';
import { refused } from './pair.ts';

test('[E2EE-9] what is padded is unpadded as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
      const padded = pad(bytes);
      assert.equal(padded.length, paddedLength(bytes.length));
      assert.deepEqual(unpad(padded), new Uint8Array(bytes));
    }),
  );
});

test('[E2EE-9] lengths come in few steps, at most an eighth more beyond the small ones', () => {
  let before = 0;
  const lengths = new Set<number>();
  for (let n = 0; n <= 65_536; n++) {
    const padded = paddedLength(n);
    assert.ok(padded > n && padded >= before);
    if (n >= 1_120) assert.ok(padded <= n * 1.125 + 1, `${n}`);
    if (n < 1_120) assert.equal(padded % 160, 0);
    before = padded;
    lengths.add(padded);
  }
  assert.ok(lengths.size < 60);
});

test('[E2EE-9] malformed padding is refused', () => {
  const end = (length: number, ...tail: number[]) => {
    const bytes = new Uint8Array(length);
    bytes.set(tail, length - tail.length);
    return bytes;
  };
  const malformed = [
    new Uint8Array(0),
    new Uint8Array(160),
    end(160, 1),
    end(159, 0x80),
    end(161, 0x80),
    // A bucket too many for what it holds.
    Uint8Array.from({ length: 320 }, (_, i) => (i === 10 ? 0x80 : 0)),
  ];
  for (const bytes of malformed) assert.throws(() => unpad(bytes), refused('bad-padding'));
  assert.deepEqual(unpad(end(160, 0x80)), new Uint8Array(159));
});
