import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ifRangeAllows, noneMatchHits } from '../../src/core/entityTag.ts';

test('If-None-Match compares weakly, in lists and by star', () => {
  for (const header of ['"id"', 'W/"id"', '"x", "id"', '*', ' "a",W/"id" '])
    assert.equal(noneMatchHits(header, 'id'), true);
  for (const header of [undefined, '', 'id', '"other"', '"i', '"ID"']) assert.equal(noneMatchHits(header, 'id'), false);
});

test('If-Range compares strongly; a weak tag or a date asks for everything', () => {
  for (const header of [undefined, '"id"']) assert.equal(ifRangeAllows(header, 'id'), true);
  for (const header of ['W/"id"', '"other"', 'Wed, 21 Oct 2026 07:28:00 GMT']) {
    assert.equal(ifRangeAllows(header, 'id'), false);
  }
});
