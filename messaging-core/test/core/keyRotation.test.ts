import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KeyTimes, planRotation, type RotationPolicy, signingKey } from '../../src/core/keyRotation.ts';

const POLICY: RotationPolicy = { announceMs: 100, signMs: 1_000, tokenMs: 150 };

test('[AUTH-10] there is a key from the start, another is announced before its turn, and the first outlives its tokens', () => {
  assert.deepEqual(planRotation([], 5, POLICY), { keep: [], makeFromMs: 5 });
  const first = { kid: 'a', signsFromMs: 0 };
  assert.deepEqual(planRotation([first], 899, POLICY), { keep: [first], makeFromMs: undefined });
  assert.deepEqual(planRotation([first], 900, POLICY), { keep: [first], makeFromMs: 1_000 });
  const second = { kid: 'b', signsFromMs: 1_000 };
  const both = [first, second];
  assert.deepEqual(planRotation(both, 950, POLICY), { keep: both, makeFromMs: undefined }, 'only one is announced');
  assert.equal(signingKey(both, 999)?.kid, 'a');
  assert.equal(signingKey(both, 1_000)?.kid, 'b');
  assert.deepEqual(planRotation(both, 1_149, POLICY).keep, both);
  assert.deepEqual(planRotation(both, 1_150, POLICY).keep, [second]);
});

test('[AUTH-10] after a long time off the old key signs until the new one was announced long enough', () => {
  const old = { kid: 'a', signsFromMs: 0 };
  const { makeFromMs } = planRotation([old], 50_000, POLICY);
  assert.equal(makeFromMs, 50_100);
  const keys = [old, { kid: 'b', signsFromMs: 50_100 }];
  assert.equal(signingKey(keys, 50_099)?.kid, 'a');
  assert.equal(signingKey(keys, 50_100)?.kid, 'b');
});

test('a clock set back leaves a key that signs', () => {
  const keys = [
    { kid: 'b', signsFromMs: 2_000 },
    { kid: 'a', signsFromMs: 1_000 },
  ];
  assert.equal(signingKey(keys, 10)?.kid, 'a');
  assert.deepEqual(planRotation(keys, 10, POLICY).keep.length, 2);
});

test('[AUTH-10] whenever it is looked at, no key signs that was not announced, and none goes whose tokens run', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 10, maxLength: 60 }), (steps) => {
      let nowMs = 10_000;
      let keys: KeyTimes[] = [{ kid: '0', signsFromMs: nowMs }];
      const announcedAtMs = new Map([['0', nowMs - POLICY.announceMs]]);
      const lastSignedAtMs = new Map<string, number>();
      for (const step of steps) {
        nowMs += step;
        const signing = signingKey(keys, nowMs)!;
        assert.ok(nowMs - announcedAtMs.get(signing.kid)! >= POLICY.announceMs, 'announced long enough');
        lastSignedAtMs.set(signing.kid, nowMs);
        const { keep, makeFromMs } = planRotation(keys, nowMs, POLICY);
        for (const { kid } of keys) {
          const runs = nowMs - (lastSignedAtMs.get(kid) ?? Number.NEGATIVE_INFINITY) < POLICY.tokenMs;
          assert.ok(!runs || keep.some((key) => key.kid === kid), 'its tokens run');
        }
        keys = [...keep];
        if (makeFromMs !== undefined) {
          const kid = String(announcedAtMs.size);
          keys.push({ kid, signsFromMs: makeFromMs });
          announcedAtMs.set(kid, nowMs);
        }
        assert.ok(keys.length <= 3);
      }
    }),
  );
});
