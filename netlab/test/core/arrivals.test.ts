import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arrivals } from '../../src/core/arrivals.ts';

test('whatever is put in comes out by its time, equal times in the order of putting in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 50 })), (times) => {
      const arrivals = new Arrivals<{ atMs: number; index: number }>();
      times.forEach((atMs, index) => {
        arrivals.put(atMs, { atMs, index });
      });
      const wanted = times.map((atMs, index) => ({ atMs, index })).sort((a, b) => a.atMs - b.atMs || a.index - b.index);
      const taken = [];
      while (arrivals.size > 0) {
        assert.equal(arrivals.nextAtMs, wanted[taken.length]!.atMs);
        taken.push(arrivals.take()!);
      }
      assert.deepEqual(taken, wanted);
      assert.equal(arrivals.take(), undefined);
    }),
  );
});
