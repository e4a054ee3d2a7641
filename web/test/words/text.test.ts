import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkParts } from '../../src/words/links.ts';
import { byteSize } from '../../src/words/size.ts';

const links = (text: string) => linkParts(text).flatMap(({ href }) => href ?? []);

test('sizes are short and never shown as 1000 of a unit', () => {
  assert.equal(byteSize(0), '0 B');
  assert.equal(byteSize(999), '999 B');
  assert.equal(byteSize(999_700), '1.0 MB');
  assert.equal(byteSize(4_210), '4.2 kB');
  assert.equal(byteSize(17_300_000), '17 MB');
  assert.equal(byteSize(2_000_000_000), '2.0 GB');
});

test('addresses become links and the full stop after them does not', () => {
  assert.deepEqual(links('see https://example.org/a, and (http://b.example/x?y=1).'), [
    'https://example.org/a',
    'http://b.example/x?y=1',
  ]);
});

test('only http and https are ever links', () => {
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://a.example file:///etc/passwd'), []);
});

test('the parts put together are the text again', () => {
  for (const text of ['', 'plain', 'https://a.example', 'x https://a.example y https:// z\nhttp://b.example!']) {
    assert.equal(
      linkParts(text)
        .map((part) => part.text)
        .join(''),
      text,
    );
  }
});
