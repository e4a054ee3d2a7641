import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedHandle } from '../../src/words/handle.ts';

test('a handle is the same however it is typed', () => {
  for (const typed of ['maria', ' Maria ', '@maria', ' @MARIA']) assert.equal(typedHandle(typed), 'maria');
  assert.equal(typedHandle('  '), '');
});
