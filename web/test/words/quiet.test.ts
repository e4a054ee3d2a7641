import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkKindWords } from '../../src/words/callLinks.ts';
import { nextMorning, quietFor, quietWords } from '../../src/words/quiet.ts';

const at = (day: number, hour: number) => new Date(2026, 4, day, hour, 30).getTime();

test('until the morning is the next eight o’clock, be it today or tomorrow', () => {
  assert.equal(nextMorning(at(10, 6)), new Date(2026, 4, 10, 8).getTime());
  assert.equal(nextMorning(at(10, 8)), new Date(2026, 4, 11, 8).getTime());
  assert.equal(nextMorning(at(31, 23)), new Date(2026, 5, 1, 8).getTime());
});

test('each choice of quiet has its end, and its words', () => {
  const nowMs = at(10, 22);
  assert.equal(quietFor('off', nowMs), false);
  assert.deepEqual(quietFor('on', nowMs), {});
  assert.deepEqual(quietFor('hour', nowMs), { untilMs: at(10, 23) });
  assert.equal(quietWords(at(10, 23), nowMs, 'en-GB'), 'until 23:30');
  assert.equal(quietWords(nextMorning(nowMs), nowMs, 'en-GB'), 'until tomorrow, 8:00');
  assert.equal(quietWords(Number.POSITIVE_INFINITY, nowMs, 'en-GB'), 'until you switch it off');
});

test('what a call link is good for stands in one line', () => {
  const one = linkKindWords({ video: true, kind: 'one', lobby: true });
  assert.equal(one, 'Video call with one at a time. You are asked first.');
  const many = linkKindWords({ video: false, kind: 'group', lobby: false });
  assert.equal(many, 'Group voice call. All come in by themselves.');
});
