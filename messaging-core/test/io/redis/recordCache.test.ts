import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EVERYTHING } from '../../../src/core/switchboard.ts';
import { MemorySwitchboard } from '../../../src/io/memory/memorySwitchboard.ts';
import { RecordCache } from '../../../src/io/redis/recordCache.ts';

interface Versioned {
  readonly version: number;
}

function openCache(life: { lifeMs: number; earlyMs: number } = { lifeMs: 60_000, earlyMs: 1 }) {
  const board = new MemorySwitchboard(Date.now);
  const state = { reads: 0, version: 1 };
  /** Reads answer when the test says so. */
  let gate = Promise.resolve();
  const cache = new RecordCache<Versioned>({
    ...life,
    prefix: 'a:',
    entriesMax: 10,
    invalidations: board,
    read: async () => {
      state.reads += 1;
      const { version } = state;
      await gate;
      return { version };
    },
  });
  const hold = () => {
    let open!: () => void;
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  };
  return { board, cache, state, hold };
}

const hundred = (cache: RecordCache<Versioned>) => Promise.all(Array.from({ length: 100 }, () => cache.get('one')));

test('[NODE-5] an expired entry is read once, however many ask at once', async () => {
  const { cache, state } = openCache({ lifeMs: 20, earlyMs: 1 });
  await hundred(cache);
  assert.equal(state.reads, 1);
  await delay(30);
  const found = await hundred(cache);
  assert.equal(state.reads, 2);
  assert.ok(found.every((value) => value?.version === 1));
});

test('a hot entry is read anew before its end, and nobody waits for it', async () => {
  const { cache, state, hold } = openCache({ lifeMs: 10_000, earlyMs: 9_999 });
  await cache.get('one');
  await delay(5);
  state.version = 2;
  const open = hold();
  const found = await hundred(cache);
  assert.ok(
    found.every((value) => value?.version === 1),
    'as it was',
  );
  assert.equal(state.reads, 2);
  open();
  while ((await cache.get('one'))?.version !== 2) await delay(1);
});

test('[NODE-5] what was changed is not believed, neither kept nor under way', async () => {
  const { board, cache, state, hold } = openCache();
  await cache.get('one');
  state.version = 2;
  await board.invalidate('b:one');
  assert.equal((await cache.get('one'))?.version, 1, "another cache's key");
  await cache.changed('one');
  assert.equal((await cache.get('one'))?.version, 2);
  await board.invalidate(EVERYTHING);
  const open = hold();
  const underWay = cache.get('one');
  state.version = 3;
  await cache.changed('one');
  open();
  assert.equal((await underWay)?.version, 3);
  assert.equal((await cache.get('one'))?.version, 3);
});

test('a refresh that a change overtakes does not bring back what was before', async (t: TestContext) => {
  const { cache, state, hold } = openCache({ lifeMs: 10_000, earlyMs: 9_999 });
  await cache.get('one');
  await delay(5);
  const open = hold();
  await cache.get('one');
  state.version = 2;
  await cache.changed('one');
  open();
  await delay(5);
  assert.equal((await cache.get('one'))?.version, 2);
  t.diagnostic(`${state.reads} reads`);
});

test('a read that fails is not kept', async () => {
  const board = new MemorySwitchboard(Date.now);
  let fails = true;
  const cache = new RecordCache<Versioned>({
    prefix: 'a:',
    entriesMax: 1,
    lifeMs: 1000,
    earlyMs: 1,
    invalidations: board,
    read: async (key) => {
      if (fails) throw new Error('away');
      return key === 'none' ? undefined : { version: 1 };
    },
  });
  await assert.rejects(cache.get('one'), /away/);
  fails = false;
  assert.equal((await cache.get('one'))?.version, 1);
  assert.equal(await cache.get('none'), undefined);
});
