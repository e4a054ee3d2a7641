import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Handle } from '@carillon/protocol';
import { beginRegistration, CODE_ATTEMPTS_MAX, CODE_LIFE_MS, tryCode } from '../../src/core/registration.ts';

const NOW = 1_000_000;
const begun = beginRegistration('id', 'ana' as Handle, '123456', NOW);

test('[AUTH-4] waiting --right code, in time--> confirmed, and then unknown', () => {
  const { state, effect } = tryCode(begun, 'id', '123456', NOW + CODE_LIFE_MS - 1);
  assert.deepEqual(effect, { type: 'accept', handle: 'ana' });
  assert.deepEqual(state, { phase: 'confirmed' });
  assert.deepEqual(tryCode(state, 'id', '123456', NOW).effect, { type: 'refuse', code: 'registration-unknown' });
});

test('[AUTH-4] waiting --wrong codes--> exhausted, for the right code too', () => {
  let state = begun;
  for (let attempt = 1; attempt < CODE_ATTEMPTS_MAX; attempt++) {
    const step = tryCode(state, 'id', '654321', NOW);
    assert.deepEqual(step.effect, { type: 'refuse', code: 'code-wrong' });
    state = step.state;
  }
  assert.equal(tryCode(state, 'id', '123456', NOW).effect.type, 'accept', 'the last attempt may be right');
  const last = tryCode(state, 'id', '654321', NOW);
  assert.deepEqual(last, {
    state: { phase: 'exhausted' },
    effect: { type: 'refuse', code: 'code-attempts-exhausted' },
  });
  assert.deepEqual(tryCode(last.state, 'id', '123456', NOW).effect, last.effect);
});

test('[AUTH-4] waiting --any code, too late--> expired', () => {
  const { state, effect } = tryCode(begun, 'id', '123456', NOW + CODE_LIFE_MS);
  assert.deepEqual(effect, { type: 'refuse', code: 'registration-unknown' });
  assert.deepEqual(tryCode(state, 'id', '123456', NOW).effect, effect);
});

test('a state does not hold the code, and equal codes do not show as equal', () => {
  const other = beginRegistration('other', 'ana' as Handle, '123456', NOW);
  assert.ok(begun.phase === 'waiting' && other.phase === 'waiting');
  assert.equal(JSON.stringify(begun).includes('123456'), false);
  assert.notDeepEqual(begun.codeDigest, other.codeDigest);
});
