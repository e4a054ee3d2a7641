import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type CallLinkEntry, CallLinkEntrySchema } from '@carillon/protocol';
import fc from 'fast-check';
import { applyLinksCopy, linksCopy, listLinks } from '../../src/links/linkRecords.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

const entry = fc
  .record({
    id: fc.nat(2),
    name: fc.constantFrom('one', 'two', ''),
    lobby: fc.boolean(),
    changedAtMs: fc.nat(3),
    revoked: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  })
  .map(({ id, changedAtMs, ...rest }) =>
    create(CallLinkEntrySchema, {
      ...rest,
      linkId: new Uint8Array(16).fill(id),
      createdAtMs: BigInt(id),
      changedAtMs: BigInt(changedAtMs),
    }),
  );

async function heard(copies: readonly CallLinkEntry[]) {
  const store = new SqliteStore(':memory:');
  const end = await store.transaction(async (tx) => {
    for (const copy of copies) await applyLinksCopy(tx, [copy]);
    return { all: await linksCopy(tx), live: await listLinks(tx) };
  });
  await store.close();
  return end;
}

test('[CLINK-5] own devices end with the same links, in whatever order they hear of changes', () =>
  fc.assert(
    fc.asyncProperty(
      fc
        .array(entry, { maxLength: 12 })
        .chain((said) => fc.tuple(fc.constant(said), fc.shuffledSubarray(said, { minLength: said.length }))),
      async ([said, otherwise]) => {
        const end = await heard(said);
        assert.deepEqual(await heard(otherwise), end);
        const revoked = new Set(said.filter((each) => each.revoked).map(({ linkId }) => linkId[0]));
        const made = new Set(said.map(({ linkId }) => linkId[0]));
        assert.equal(end.live.length, made.size - revoked.size);
      },
    ),
    { numRuns: 60 },
  ));

test('[CLINK-8] what is no link is not kept', async () => {
  const odd = [
    create(CallLinkEntrySchema, { linkId: new Uint8Array(3), name: 'short' }),
    create(CallLinkEntrySchema, { linkId: new Uint8Array(16), name: 'late', changedAtMs: 2n ** 60n }),
  ];
  assert.deepEqual((await heard(odd)).live, []);
});
