import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '@carillon/client';
import { AVATAR_COLOURS, avatarColour, initials } from '../../src/layout/person.ts';
import { waveformBars } from '../../src/layout/waveform.ts';

test('initials are of the first and the last word', () => {
  assert.equal(initials('Anna Maria Lindqvist'), 'AL');
  assert.equal(initials('bob'), 'B');
  assert.equal(initials('jan.k'), 'JK');
  assert.equal(initials('  李 雷 '), '李雷');
  assert.equal(initials('🔔'), '?');
  assert.equal(initials(''), '?');
});

test('the colour is the same for the same account, and all are used', () => {
  const colours = new Set(Array.from({ length: 200 }, (_, n) => avatarColour(`account-${n}` as AccountId)));
  assert.equal(colours.size, AVATAR_COLOURS);
  assert.equal(avatarColour('x' as AccountId), avatarColour('x' as AccountId));
});

test('a waveform has as many bars as asked for, each between silence and full', () => {
  for (const peaks of [undefined, new Uint8Array(0), new Uint8Array([255]), new Uint8Array(500).fill(128)]) {
    const bars = waveformBars(peaks, 44);
    assert.equal(bars.length, 44);
    assert.ok(bars.every((bar) => bar > 0 && bar <= 1));
  }
});

test('the loudest of a stretch is what is drawn', () => {
  const peaks = new Uint8Array(100);
  peaks[55] = 255;
  assert.equal(waveformBars(peaks, 10)[5], 1);
});
