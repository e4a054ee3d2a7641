import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, failureWords } from '../../src/words/failure.ts';

const coded = (code: string, words: string) => Object.assign(new Error(words), { code });

test('a wrong code says what to do next', () => {
  assert.match(failureWords(coded('code-wrong', 'x')), /not right/);
  assert.equal(codeOf(coded('code-wrong', 'x')), 'code-wrong');
});

test("the SDK's own words pass; the browser's are translated", () => {
  assert.equal(failureWords(coded('blob-expired', 'Media not available any more.')), 'Media not available any more.');
  assert.match(failureWords(new TypeError('Failed to fetch')), /cannot be reached/);
  assert.match(failureWords(new DOMException('Permission denied', 'NotAllowedError')), /permissions/);
});

test('whatever is thrown becomes a sentence', () => {
  for (const thrown of [undefined, null, 'x', 7, {}, new Error('')])
    assert.equal(failureWords(thrown), 'Something went wrong.');
});
