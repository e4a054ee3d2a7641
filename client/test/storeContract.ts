// What every store must do. Run by node/sqliteStore.test.ts and browser/idbStore.test.ts.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../src/ports.ts';

export interface StoreUnderTest {
  open(): Promise<Store>;
  /** Frees what `open` made, after the store was closed. */
  dispose(): Promise<void>;
}

export function storeContract(name: string, make: () => StoreUnderTest): void {
  describe(`${name} keeps the store contract`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      under = make();
      store = await under.open();
    });
    afterEach(async () => {
      await store.close();
      await under.dispose();
    });

    test('values come back as they were, after closing too', async () => {
      const value = {
        text: 'grüße',
        bytes: new Uint8Array([1, 2, 3]),
        nested: [{ big: 12345678901234567890n }, undefined],
      };
      await store.transaction((tx) => tx.put('account', 'a', value));
      await store.close();
      store = await under.open();
      const got = await store.transaction((tx) => tx.get<typeof value>('account', 'a'));
      assert.deepEqual(got, value);
      assert.ok(got?.bytes instanceof Uint8Array);
      assert.equal(await store.transaction((tx) => tx.get('account', 'b')), undefined);
      assert.equal(await store.transaction((tx) => tx.get('blobs', 'a')), undefined);
    });

    test('reads inside a transaction see its writes', async () => {
      await store.transaction(async (tx) => {
        await tx.put('media', 'k', 1);
        assert.equal(await tx.get('media', 'k'), 1);
        await tx.put('media', 'k', 2);
        assert.deepEqual(await tx.list('media'), [{ key: 'k', value: 2 }]);
        await tx.delete('media', 'k');
        assert.equal(await tx.get('media', 'k'), undefined);
        await tx.delete('media', 'k');
      });
    });

    test('all of a transaction or nothing', async () => {
      await store.transaction((tx) => tx.put('sessions', 'kept', 'before'));
      await assert.rejects(
        store.transaction(async (tx) => {
          await tx.put('sessions', 'kept', 'after');
          await tx.put('messages', 'new', 1);
          throw new Error('stop');
        }),
        /stop/,
      );
      await store.transaction(async (tx) => {
        assert.equal(await tx.get('sessions', 'kept'), 'before');
        assert.equal(await tx.get('messages', 'new'), undefined);
      });
    });

    test('transactions at once do not mix', async () => {
      await store.transaction((tx) => tx.put('calls', 'n', 0));
      await Promise.all(
        Array.from({ length: 20 }, () =>
          store.transaction(async (tx) => tx.put('calls', 'n', ((await tx.get<number>('calls', 'n')) ?? 0) + 1)),
        ),
      );
      assert.equal(await store.transaction((tx) => tx.get('calls', 'n')), 20);
    });

    test('lists in key order by UTF-16 code units, within a range, with a limit, backwards', async () => {
      const seed = 20261122;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 20 }),
          fc.option(fc.string({ unit: 'binary', maxLength: 3 }), { nil: undefined }),
          fc.option(fc.string({ unit: 'binary', maxLength: 3 }), { nil: undefined }),
          fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
          fc.boolean(),
          async (keys, from, to, limit, reverse) => {
            const range = {
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to }),
              ...(limit === undefined ? {} : { limit }),
              reverse,
            };
            const expected = keys
              .filter((key) => (from === undefined || key >= from) && (to === undefined || key < to))
              .sort((a, b) => (a < b ? -1 : 1));
            if (reverse) expected.reverse();
            await store.clear();
            const got = await store.transaction(async (tx) => {
              for (const key of keys) await tx.put('contacts', key, key.length);
              return tx.list<number>('contacts', range);
            });
            assert.deepEqual(
              got,
              expected.slice(0, limit).map((key) => ({ key, value: key.length })),
            );
          },
        ),
        { seed, numRuns: 20 },
      );
    });

    test('clear deletes everything', async () => {
      await store.transaction(async (tx) => {
        await tx.put('account', 'a', 1);
        await tx.put('received', 'b', 2);
      });
      await store.clear();
      await store.transaction(async (tx) => {
        assert.deepEqual(await tx.list('account'), []);
        assert.deepEqual(await tx.list('received'), []);
      });
    });
  });
}
