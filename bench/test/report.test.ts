import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from '../src/report.ts';
import { median, quantile } from '../src/statistics.ts';

test('medians and quantiles', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2);
  assert.equal(quantile([1, 2, 3, 4], 0.99), 4);
});

test('a table shows value, peer and ratio', () => {
  const lines = table([
    { what: 'upload', value: 50, unit: 'MB/s', beside: { what: 'raw', value: 100 }, how: 'median of 3' },
  ]).split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[1]!, /^upload {2}50\.0 MB\/s {2}100 MB\/s \(raw\) {2}0\.50 x {2}median of 3$/);
});
