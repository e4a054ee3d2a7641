import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockTime, dayLabel, daysBetween, duration, durationWords, listTime, sameDay } from '../../src/words/time.ts';

const at = (day: number, hour: number, minute = 0, month = 5) => new Date(2026, month, day, hour, minute).getTime();
const now = at(17, 15);

test('the list shows the clock today, then Yesterday, the weekday, the date', () => {
  assert.equal(listTime(at(17, 9, 5), now, 'en-GB'), '9:05');
  assert.equal(listTime(at(16, 23, 59), now, 'en-GB'), 'Yesterday');
  assert.equal(listTime(at(12, 8), now, 'en-GB'), 'Friday');
  assert.equal(listTime(at(10, 8), now, 'en-GB'), '10/06/26');
});

test('a clock that runs ahead of ours is today, not tomorrow', () => {
  assert.equal(dayLabel(at(18, 1), now, 'en-GB'), 'Today');
});

test('the separator names the day and, only for another year, the year', () => {
  assert.equal(dayLabel(now, now, 'en-GB'), 'Today');
  assert.equal(dayLabel(at(16, 0), now, 'en-GB'), 'Yesterday');
  assert.match(dayLabel(at(1, 12), now, 'en-GB'), /^Mon,? 1 June$/);
  assert.match(dayLabel(new Date(2024, 11, 31).getTime(), now, 'en-GB'), /2024$/);
});

test('days are counted by the calendar, over a change of the clock too', () => {
  assert.equal(daysBetween(new Date(2026, 2, 1, 23).getTime(), new Date(2026, 3, 1, 1).getTime()), 31);
  assert.equal(sameDay(at(17, 0), at(17, 23, 59)), true);
  assert.equal(sameDay(at(16, 23, 59), at(17, 0)), false);
});

test('durations are short for the eye and whole for the ear', () => {
  assert.equal(duration(7_900), '0:07');
  assert.equal(duration(723_000), '12:03');
  assert.equal(duration(3_723_000), '1:02:03');
  assert.equal(duration(-5), '0:00');
  assert.equal(durationWords(65_000), '1 minute 5 seconds');
  assert.equal(durationWords(0), '0 seconds');
  assert.equal(durationWords(7_322_000), '2 hours 2 minutes 2 seconds');
});

test('the clock follows the form of the locale', () => {
  assert.equal(clockTime(at(17, 15, 4), 'en-GB'), '15:04');
  assert.match(clockTime(at(17, 15, 4), 'en-US'), /^3:04\sPM$/);
});
