// A group's roster: one function for server and members, and the reader in front of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type AccountId,
  applyGroupChange,
  bytesToBase64url,
  GroupChangeSchema,
  type GroupId,
  GroupRole,
  type GroupRoleName,
  type GroupRoster,
  type GroupRosterChange,
  groupChangeBytes,
  groupRosterDigest,
  isGroupId,
  LIMITS,
  membersOnWire,
  ProtocolError,
  readGroupChange,
  readGroupRoster,
  SignedGroupChangeSchema,
} from '../src/index.ts';

const account = (n: number) => bytesToBase64url(new Uint8Array(16).fill(n)) as AccountId;
const PEOPLE = [1, 2, 3, 4, 5, 6].map(account);
const GROUP = `g${account(9)}` as GroupId;
const OTHER_GROUP = `g${account(8)}` as GroupId;

function roster(members: Record<AccountId, GroupRoleName>, revision = 1): GroupRoster {
  return { groupId: GROUP, revision, members: new Map(Object.entries(members) as [AccountId, GroupRoleName][]) };
}

function next(before: GroupRoster, change: Partial<GroupRosterChange>): GroupRosterChange {
  return {
    groupId: before.groupId,
    revision: before.revision + 1,
    previousDigest: groupRosterDigest(before),
    put: [],
    removed: [],
    changesState: false,
    ...change,
  };
}

function creation(put: GroupRosterChange['put'], change: Partial<GroupRosterChange> = {}): GroupRosterChange {
  return {
    ...next({ groupId: GROUP, revision: 0, members: new Map() }, { put }),
    previousDigest: new Uint8Array(),
    ...change,
  };
}

function refused(run: () => unknown, code: string, message?: string): void {
  assert.throws(run, (error) => error instanceof ProtocolError && error.code === code, message);
}

function overTheWire(change: GroupRosterChange, by: AccountId) {
  const state = change.changesState ? new Uint8Array([1]) : undefined;
  const signed = create(SignedGroupChangeSchema, {
    change: groupChangeBytes(change, state, 1234),
    by: { accountId: by, deviceId: 1 },
    signature: new Uint8Array(64),
  });
  return readGroupChange(signed);
}

const person = fc.constantFrom(...PEOPLE);
const role = fc.constantFrom<GroupRoleName>('member', 'admin');
const anyRoster = fc
  .uniqueArray(fc.tuple(person, role), { selector: ([id]) => id, minLength: 1 })
  .map((members): GroupRoster => ({ groupId: GROUP, revision: 7, members: new Map(members) }))
  .filter((made) => [...made.members.values()].includes('admin'));
const anyStep = fc.record({
  put: fc.array(fc.record({ accountId: person, role }, { noNullPrototype: true }), { maxLength: 3 }),
  removed: fc.array(person, { maxLength: 3 }),
  changesState: fc.boolean(),
});

test('[GROUP-6] server and members end up with the same roster and digest, whatever is done to the group', () => {
  const steps = fc.array(fc.tuple(person, anyStep), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (all) => {
      const first = creation(
        PEOPLE.slice(0, 3).map((id, i) => ({ accountId: id, role: i === 0 ? 'admin' : 'member' })),
      );
      let server = applyGroupChange(undefined, first, PEOPLE[0]!);
      // A member's copy has another insertion order and comes off the wire.
      let member = readGroupRoster(GROUP, 1, membersOnWire(server).reverse() as never);
      for (const [by, step] of all) {
        const change = next(server, step);
        try {
          server = applyGroupChange(server, change, by);
        } catch (error) {
          const code = (error as ProtocolError).code;
          refused(() => applyGroupChange(member, overTheWire(change, by).change, by), code);
          continue;
        }
        member = applyGroupChange(member, overTheWire(change, by).change, by);
        assert.deepEqual(groupRosterDigest(member), groupRosterDigest(server));
        assert.deepEqual(new Map([...member.members].sort()), new Map([...server.members].sort()));
        if (server.members.size > 0) assert.ok([...server.members.values()].includes('admin'), 'nobody left in charge');
      }
    }),
  );
});

test('[GROUP-7] who is no administrator changes nothing but leaves', () => {
  fc.assert(
    fc.property(anyRoster, person, anyStep, (before, by, step) => {
      fc.pre(before.members.get(by) !== 'admin');
      let after: GroupRoster;
      try {
        after = applyGroupChange(before, next(before, step), by);
      } catch (error) {
        const code = (error as ProtocolError).code;
        assert.ok(['group-unknown', 'group-forbidden', 'group-change-invalid'].includes(code), code);
        return;
      }
      const without = new Map(before.members);
      without.delete(by);
      assert.deepEqual(after, { ...before, revision: 8, members: without });
      assert.deepEqual([step.put.length, step.removed.length, step.changesState], [0, 1, false]);
    }),
    { numRuns: 500 },
  );
});

test('[GROUP-7] an outsider is told nothing but group-unknown', () => {
  const before = roster({ [PEOPLE[0]!]: 'admin' }, 5);
  const outsider = PEOPLE[3]!;
  for (const change of [
    next(before, { removed: [outsider] }),
    next(before, { removed: [outsider], revision: 9 }),
    next(before, { removed: [outsider], previousDigest: new Uint8Array(32) }),
    next(before, { put: [{ accountId: outsider, role: 'admin' }] }),
  ])
    refused(() => applyGroupChange(before, change, outsider), 'group-unknown');
});

test('[GROUP-6] the last administrator to leave or step down hands over to the lowest account id', () => {
  const [a, b, c] = [...PEOPLE.slice(0, 3)].sort() as [AccountId, AccountId, AccountId];
  const before = roster({ [c]: 'admin', [b]: 'member', [a]: 'member' });
  const left = applyGroupChange(before, next(before, { removed: [c] }), c);
  assert.deepEqual([left.members.get(a), left.members.get(b)], ['admin', 'member']);
  const steppedDown = applyGroupChange(before, next(before, { put: [{ accountId: c, role: 'member' }] }), c);
  assert.deepEqual([steppedDown.members.get(a), steppedDown.members.get(c)], ['admin', 'member']);
  const handedOver = next(before, { removed: [c], put: [{ accountId: b, role: 'admin' }] });
  assert.equal(applyGroupChange(before, handedOver, c).members.get(a), 'member');
  const alone = roster({ [a]: 'admin' });
  assert.equal(applyGroupChange(alone, next(alone, { removed: [a] }), a).members.size, 0);
});

test('[GROUP-8] a change holds for one group, one revision and one roster', () => {
  fc.assert(
    fc.property(anyRoster, anyStep, fc.nat({ max: 31 }), fc.integer({ min: 1, max: 255 }), (before, step, at, flip) => {
      const admin = [...before.members].find(([, has]) => has === 'admin')![0];
      const change = next(before, { ...step, changesState: true });
      const digest = Uint8Array.from(change.previousDigest);
      digest[at]! ^= flip;
      const bad: Partial<GroupRosterChange>[] = [
        { revision: before.revision },
        { revision: before.revision + 2 },
        { previousDigest: digest },
        { previousDigest: new Uint8Array() },
        { previousDigest: change.previousDigest.subarray(0, 31) },
        { groupId: OTHER_GROUP },
      ];
      for (const other of bad)
        assert.throws(() => applyGroupChange(before, { ...change, ...other }, admin), ProtocolError);
    }),
  );
  const before = roster({ [PEOPLE[0]!]: 'admin', [PEOPLE[1]!]: 'member' });
  refused(() => applyGroupChange(before, next(before, { revision: 5, changesState: true }), PEOPLE[0]!), 'stale-group');
  const promoted = roster({ [PEOPLE[0]!]: 'admin', [PEOPLE[1]!]: 'admin' });
  const forOther = next(promoted, { changesState: true });
  refused(() => applyGroupChange(before, forOther, PEOPLE[0]!), 'group-change-invalid', 'same revision, other roster');
});

test('[GROUP-8] changes taken out of order, left out or repeated are refused', () => {
  const first = applyGroupChange(undefined, creation([{ accountId: PEOPLE[0]!, role: 'admin' }]), PEOPLE[0]!);
  const chain: GroupRosterChange[] = [];
  let at = first;
  for (const accountId of PEOPLE.slice(1)) {
    const change = next(at, { put: [{ accountId, role: 'member' }] });
    chain.push(change);
    at = applyGroupChange(at, change, PEOPLE[0]!);
  }
  fc.assert(
    fc.property(fc.array(fc.nat({ max: chain.length - 1 }), { maxLength: 20 }), (order) => {
      let now = first;
      for (const index of order) {
        const change = chain[index]!;
        if (change.revision === now.revision + 1) now = applyGroupChange(now, change, PEOPLE[0]!);
        else refused(() => applyGroupChange(now, change, PEOPLE[0]!), 'stale-group');
      }
      assert.equal(now.members.size, now.revision);
    }),
  );
});

test('[GROUP-6] a group begins with its maker as an administrator, and only so', () => {
  const [maker, other] = PEOPLE as [AccountId, AccountId];
  const whole = creation([
    { accountId: maker, role: 'admin' },
    { accountId: other, role: 'member' },
  ]);
  assert.equal(applyGroupChange(undefined, whole, maker).members.size, 2);
  const bad: GroupRosterChange[] = [
    creation([{ accountId: maker, role: 'member' }]),
    creation([{ accountId: other, role: 'admin' }]),
    creation([]),
    { ...whole, revision: 2 },
    { ...whole, previousDigest: new Uint8Array(32) },
    { ...whole, removed: [PEOPLE[3]!] },
    creation([
      { accountId: maker, role: 'admin' },
      { accountId: maker, role: 'member' },
    ]),
  ];
  for (const change of bad) refused(() => applyGroupChange(undefined, change, maker), 'group-change-invalid');
});

test('[GROUP-6] nobody is named twice, removed without being there, and no change is empty', () => {
  const [a, b, c] = PEOPLE as [AccountId, AccountId, AccountId];
  const before = roster({ [a]: 'admin', [b]: 'member' });
  for (const step of [
    {},
    { removed: [c] },
    { removed: [b, b] },
    { put: [{ accountId: b, role: 'member' as const }], removed: [b] },
    {
      put: [
        { accountId: c, role: 'member' as const },
        { accountId: c, role: 'admin' as const },
      ],
    },
  ])
    refused(() => applyGroupChange(before, next(before, step), a), 'group-change-invalid', JSON.stringify(step));
});

test('[GROUP-10] a group holds 1,024 members and not one more', () => {
  const id = (n: number) => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, n);
    return bytesToBase64url(bytes) as AccountId;
  };
  const put = Array.from({ length: LIMITS.groupMembersMax }, (_, n) => ({
    accountId: id(n),
    role: n === 0 ? ('admin' as const) : ('member' as const),
  }));
  const full = applyGroupChange(undefined, overTheWire(creation(put), id(0)).change, id(0));
  assert.equal(full.members.size, 1024);
  const oneMore = [{ accountId: id(5000), role: 'member' as const }];
  refused(() => applyGroupChange(full, next(full, { put: oneMore }), id(0)), 'group-full');
  const swapped = applyGroupChange(full, next(full, { put: oneMore, removed: [id(7)] }), id(0));
  assert.equal(swapped.members.size, 1024);
});

test('a change comes off the wire as it was put on it', () => {
  fc.assert(
    fc.property(anyRoster, person, anyStep, (before, by, step) => {
      const change = next(before, step);
      const read = overTheWire(change, by);
      assert.deepEqual(read.change, { ...change, previousDigest: Uint8Array.from(change.previousDigest) });
      assert.deepEqual([read.by, read.madeAtMs], [{ accountId: by, deviceId: 1 }, 1234]);
      assert.equal(read.sealedState !== undefined, step.changesState);
    }),
  );
  assert.throws(() => groupChangeBytes(next(roster({}), { changesState: true }), undefined, 0), TypeError);
});

test('[GROUP-9] what is no change is answered group-change-invalid', () => {
  const good = {
    groupId: GROUP as string,
    rosterRevision: 2,
    previousDigest: new Uint8Array(32),
    put: [{ accountId: PEOPLE[0]! as string, role: GroupRole.ADMIN }],
    removedAccountIds: [PEOPLE[1]! as string],
    sealedState: new Uint8Array(4),
    madeAtMs: 1n,
  };
  const by = { accountId: PEOPLE[0]! as string, deviceId: 1 };
  const signed = (change: object, rest: object = {}) =>
    create(SignedGroupChangeSchema, {
      change: toBinary(GroupChangeSchema, create(GroupChangeSchema, { ...good, ...change })),
      by,
      signature: new Uint8Array(64),
      ...rest,
    });
  assert.equal(readGroupChange(signed({})).change.revision, 2);
  const member = good.put[0]!;
  const bad = [
    signed({ groupId: PEOPLE[0] }),
    signed({ groupId: '' }),
    signed({ rosterRevision: 0 }),
    signed({ previousDigest: new Uint8Array(31) }),
    signed({ put: [{ ...member, role: GroupRole.UNSPECIFIED }] }),
    signed({ put: [{ ...member, role: 7 }] }),
    signed({ put: [{ ...member, accountId: '../../etc' }] }),
    signed({ put: Array.from({ length: 1025 }, () => member) }),
    signed({ removedAccountIds: [''] }),
    signed({ removedAccountIds: Array.from({ length: 1025 }, () => PEOPLE[0]) }),
    signed({ sealedState: new Uint8Array(LIMITS.groupStateBytesMax + 1) }),
    signed({ madeAtMs: 2n ** 63n }),
    signed({}, { change: new Uint8Array([0xff, 0xff]) }),
    signed({}, { signature: new Uint8Array(63) }),
    signed({}, { by: { ...by, deviceId: 0 } }),
    signed({}, { by: { ...by, accountId: 'x' } }),
    create(SignedGroupChangeSchema, { signature: new Uint8Array(64) }),
    undefined,
  ];
  for (const [index, change] of bad.entries())
    refused(() => readGroupChange(change), 'group-change-invalid', `${index}`);
});

test('[GROUP-9] any bytes are read or refused by the code, never worse', () => {
  const by = { accountId: PEOPLE[0]!, deviceId: 1 };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (change) => {
      try {
        readGroupChange(create(SignedGroupChangeSchema, { change, by, signature: new Uint8Array(64) }));
      } catch (error) {
        assert.equal((error as ProtocolError).code, 'group-change-invalid');
      }
    }),
    { numRuns: 1000 },
  );
});

test('a roster off the wire is bounded, and names nobody twice', () => {
  const members = membersOnWire(roster({ [PEOPLE[0]!]: 'admin', [PEOPLE[1]!]: 'member' })) as never[];
  assert.equal(readGroupRoster(GROUP, 3, members).members.get(PEOPLE[0]!), 'admin');
  refused(() => readGroupRoster(GROUP, 0, members), 'group-change-invalid');
  refused(() => readGroupRoster('g', 1, members), 'group-change-invalid');
  refused(() => readGroupRoster(GROUP, 1, [...members, members[0]!]), 'group-change-invalid');
  assert.ok(isGroupId(GROUP));
});

test('the digest is frozen: another one would split servers and members of different versions', () => {
  const digest = groupRosterDigest(roster({ [PEOPLE[1]!]: 'member', [PEOPLE[0]!]: 'admin' }, 12));
  assert.equal(Buffer.from(digest).toString('hex'), 'cf689b34bf7b838bc59b772a1c73006a9a0b5925101e3c767cfd3d439eaa8d57');
});
