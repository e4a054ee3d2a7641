// What every adapter of the short-lived store promises.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ProtocolError } from '@carillon/protocol';
import type { ShortLived } from '../src/core/shortLived.ts';

export interface ShortLivedUnderTest {
  readonly shortLived: ShortLived;
  /** Lets that much time go by for what is stored. */
  elapse(ms: number): Promise<void>;
}

/** The limit that the adapter under test is opened with for links. */
export const LINKS_MAX = 3;

const LONG_MS = 60_000;
const SHORT_MS = 50;

export function shortLivedContract(name: string, open: (t: TestContext) => Promise<ShortLivedUnderTest>): void {
  const it = (title: string, run: (under: ShortLivedUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => run(await open(t)));

  it('a value is there until its end, by kind and key', async ({ shortLived, elapse }) => {
    await shortLived.put('registration', 'one', 'a', LONG_MS);
    await shortLived.put('registration', 'two', 'b', SHORT_MS);
    assert.equal(await shortLived.get('registration', 'one'), 'a');
    assert.equal(await shortLived.get('registration', 'two'), 'b');
    assert.equal(await shortLived.get('challenge-key', 'one'), undefined);
    await shortLived.put('registration', 'one', 'ä\0"{}', LONG_MS);
    assert.equal(await shortLived.get('registration', 'one'), 'ä\0"{}');
    await elapse(SHORT_MS);
    assert.equal(await shortLived.get('registration', 'two'), undefined);
    assert.equal(await shortLived.take('registration', 'two'), undefined);
    assert.equal(await shortLived.replace('registration', 'two', 'b', 'c'), false);
  });

  it('one of many who take it has it', async ({ shortLived }) => {
    await shortLived.put('link', 'one', 'a', LONG_MS);
    const taken = await Promise.all(Array.from({ length: 8 }, () => shortLived.take('link', 'one')));
    assert.deepEqual(
      taken.filter((value) => value !== undefined),
      ['a'],
    );
    assert.equal(await shortLived.get('link', 'one'), undefined);
  });

  it('of many who put it at once, all have what the first one put', async ({ shortLived, elapse }) => {
    const puts = ['a', 'b', 'c', 'd'].map((value) => shortLived.getOrPut('challenge-key', 'now', value, SHORT_MS));
    assert.deepEqual(new Set(await Promise.all(puts)).size, 1);
    await elapse(SHORT_MS);
    assert.equal(await shortLived.getOrPut('challenge-key', 'now', 'e', LONG_MS), 'e');
  });

  it('it is replaced only by who knows what is there, and its end stays', async ({ shortLived, elapse }) => {
    await shortLived.put('registration', 'one', 'a', SHORT_MS);
    assert.equal(await shortLived.replace('registration', 'one', 'x', 'y'), false);
    assert.equal(await shortLived.replace('registration', 'one', 'a', 'b'), true);
    assert.equal(await shortLived.get('registration', 'one'), 'b');
    assert.equal(await shortLived.replace('registration', 'none', 'a', 'b'), false);
    await elapse(SHORT_MS);
    assert.equal(await shortLived.get('registration', 'one'), undefined);
  });

  it('a list has what is there, of its kind', async ({ shortLived, elapse }) => {
    assert.deepEqual(await shortLived.list('jwk'), []);
    await shortLived.put('jwk', 'one', 'a', LONG_MS);
    await shortLived.put('jwk', 'two', 'b', LONG_MS);
    await shortLived.put('jwk', 'three', 'c', SHORT_MS);
    await shortLived.put('revoked', 'four', 'd', LONG_MS);
    await shortLived.take('jwk', 'two');
    await elapse(SHORT_MS);
    assert.deepEqual(await shortLived.list('jwk'), [{ key: 'one', value: 'a' }]);
  });

  it('[NODE-1] each kind is bounded; what ended makes room', async ({ shortLived, elapse }) => {
    for (let i = 0; i < LINKS_MAX; i++) await shortLived.put('link', `${i}`, 'a', i === 0 ? SHORT_MS : LONG_MS);
    const full = (error: unknown) => error instanceof ProtocolError && error.code === 'rate-limited';
    await elapse(0);
    const refused = shortLived.put('link', 'more', 'a', LONG_MS);
    await assert.rejects(refused, full);
    await assert.rejects(shortLived.getOrPut('link', 'more', 'a', LONG_MS), full);
    // What is there may be put again, and other kinds have their own limits.
    await shortLived.put('link', '1', 'b', LONG_MS);
    await shortLived.put('registration', '1', 'b', LONG_MS);
    await elapse(SHORT_MS);
    await shortLived.put('link', 'more', 'a', LONG_MS);
    await assert.rejects(shortLived.put('link', 'another', 'a', LONG_MS), full);
    await shortLived.take('link', 'more');
    await shortLived.put('link', 'another', 'a', LONG_MS);
  });
}
