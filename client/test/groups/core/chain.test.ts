import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  type AccountId,
  applyGroupChange,
  type DeviceId,
  type GroupId,
  type GroupRoster,
  type GroupRosterChange,
  groupRosterDigest,
  type ReadGroupChange,
} from '@carillon/protocol';
import { followChanges, type VerifySigner } from '../../../src/groups/core/chain.ts';
import { list, stepWords } from '../../../src/groups/core/words.ts';

const id = () => randomBytes(16).toString('base64url') as AccountId;
const [ann, bob, cat, eve] = [id(), id(), id(), id()];
const groupId = `g${id()}` as GroupId;
const trusts: VerifySigner = () => 'trusted';

function read(by: AccountId, before: GroupRoster | undefined, change: Partial<GroupRosterChange>): ReadGroupChange {
  return {
    change: {
      groupId,
      revision: (before?.revision ?? 0) + 1,
      previousDigest: before ? groupRosterDigest(before) : new Uint8Array(),
      put: [],
      removed: [],
      changesState: false,
      ...change,
    },
    sealedState: undefined,
    madeAtMs: 0,
    by: { accountId: by, deviceId: 1 as DeviceId },
    signedBytes: new Uint8Array(),
    signature: new Uint8Array(64),
  };
}

const creation = read(ann!, undefined, {
  put: [
    { accountId: ann!, role: 'admin' },
    { accountId: bob!, role: 'member' },
  ],
  changesState: true,
});
const first = applyGroupChange(undefined, creation.change, ann!);
const addCat = read(ann!, first, { put: [{ accountId: cat!, role: 'member' }] });
const second = applyGroupChange(first, addCat.change, ann!);
const removeBob = read(ann!, second, { removed: [bob!] });
const third = applyGroupChange(second, removeBob.change, ann!);

describe('following a group', () => {
  test('[GROUP-21] from what is known, or from the creation, to what the server claims', () => {
    for (const known of [undefined, first, second, third]) {
      const followed = followChanges(known, [creation, addCat, removeBob], third, trusts);
      assert.equal(followed.outcome, 'followed');
      assert.ok(followed.outcome === 'followed' && followed.roster.revision === 3);
    }
  });

  test('[GROUP-21] an older roster, and members that no change brought, are refused', () => {
    assert.throws(() => followChanges(second, [], first, trusts), { code: 'group-change-invalid' });
    const more = { ...second, members: new Map([...second.members, [eve!, 'member'] as const]) };
    assert.throws(() => followChanges(first, [addCat], more, trusts), { code: 'group-change-invalid' });
    const risen = { ...second, members: new Map([...second.members, [bob!, 'admin'] as const]) };
    assert.throws(() => followChanges(second, [], risen, trusts), { code: 'group-change-invalid' });
  });

  test('[GROUP-21] who may not, may not: a member who adds, a stranger, another group', () => {
    const byBob = read(bob!, first, { put: [{ accountId: eve!, role: 'member' }] });
    const claimed = { ...second, members: new Map([...first.members, [eve!, 'member'] as const]) };
    assert.throws(() => followChanges(first, [byBob], claimed, trusts), { code: 'group-forbidden' });
    const byEve = read(eve!, first, { put: [{ accountId: eve!, role: 'admin' }] });
    assert.throws(() => followChanges(first, [byEve], claimed, trusts), { code: 'group-unknown' });
    const elsewhere = { ...addCat, change: { ...addCat.change, groupId: `g${id()}` as GroupId } };
    assert.throws(() => followChanges(first, [elsewhere], second, trusts), { code: 'group-change-invalid' });
  });

  test('[GROUP-21] missing and reordered steps, and signatures of nobody known, are a gap', () => {
    assert.deepEqual(followChanges(first, [removeBob], third, trusts), { outcome: 'gap' });
    assert.deepEqual(followChanges(first, [removeBob, addCat], third, trusts), { outcome: 'gap' });
    assert.deepEqual(followChanges(first, [addCat], third, trusts), { outcome: 'gap' });
    assert.deepEqual(followChanges(undefined, [], first, trusts), { outcome: 'gap' });
    assert.deepEqual(
      followChanges(first, [addCat], second, () => 'unknown'),
      { outcome: 'gap' },
    );
  });

  test('[GROUP-21] an identity that the person has not accepted decides nothing', () => {
    const followed = followChanges(first, [addCat], second, () => 'untrusted');
    assert.deepEqual(followed, { outcome: 'identity-changed', accountId: ann });
  });

  test('each step in words', () => {
    const names = new Map([
      [ann!, 'Ann'],
      [bob!, 'Bob'],
      [cat!, 'Cat'],
    ]);
    const words = (self: AccountId) => {
      const followed = followChanges(undefined, [creation, addCat, removeBob], third, trusts);
      assert.ok(followed.outcome === 'followed');
      return followed.steps.flatMap((step) => stepWords(step, self, (account) => names.get(account) ?? '?'));
    };
    assert.deepEqual(words(ann!), ['You created the group.', 'You added Cat.', 'You removed Bob.']);
    assert.deepEqual(words(bob!), ['Ann created the group.', 'Ann added Cat.', 'Ann removed you.']);
    const left = read(ann!, third, { removed: [ann!] });
    const after = applyGroupChange(third, left.change, ann!);
    assert.deepEqual(
      stepWords({ before: third, after, read: left }, cat!, (account) => names.get(account) ?? '?'),
      ['Ann left the group.', 'You are an administrator now.'],
    );
    assert.equal(list(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e and 2 more');
  });
});
