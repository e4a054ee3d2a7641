import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectRange } from '../../src/core/range.ts';

const cases: [string | undefined, number, ReturnType<typeof selectRange>][] = [
  [undefined, 100, undefined],
  ['bytes=0-0', 100, { start: 0, end: 0 }],
  ['bytes=0-', 100, { start: 0, end: 99 }],
  ['Bytes=10-19', 100, { start: 10, end: 19 }],
  ['bytes= 10-19 ', 100, { start: 10, end: 19 }],
  ['bytes=90-1000', 100, { start: 90, end: 99 }],
  ['bytes=-1', 100, { start: 99, end: 99 }],
  ['bytes=-1000', 100, { start: 0, end: 99 }],
  ['bytes=100-', 100, 'unsatisfiable'],
  ['bytes=-0', 100, 'unsatisfiable'],
  ['bytes=20-10', 100, undefined],
  ['bytes=-', 100, undefined],
  ['bytes=0-1,5-6', 100, undefined],
  ['items=0-1', 100, undefined],
  ['bytes=0x1-2', 100, undefined],
  ['bytes=99999999999999999999-', 100, undefined],
];

for (const [header, size, expected] of cases) {
  test(`[BLOB-5] Range ${header} of ${size}`, () => assert.deepEqual(selectRange(header, size), expected));
}

test('[BLOB-5] whatever the header, a selected range lies inside the blob', () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(300), fc.nat(300)).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat(300).map((n) => `bytes=-${n}`),
  );
  fc.assert(
    fc.property(header, fc.integer({ min: 1, max: 200 }), (text, size) => {
      const range = selectRange(text, size);
      if (typeof range !== 'object') return;
      assert.ok(range.start >= 0 && range.start <= range.end && range.end < size);
    }),
  );
});
