// Groups over the socket: who may change what, who learns what.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  applyGroupChange,
  GroupRole,
  type GroupRoster,
  groupRosterDigest,
  LIMITS,
  type ProtocolError,
  readGroupChange,
} from '@carillon/protocol';
import { TestDevice } from '../testDevice.ts';
import {
  changeGroup,
  createGroup,
  creation,
  fetchGroup,
  groupSend,
  member,
  newAccountId,
  newGroupId,
  nextChange,
  rosterOf,
  type SignedChange,
  signed,
} from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { refusal, type TestSocket } from '../testSocket.ts';

async function people(t: TestContext, env: Record<string, string> = {}) {
  const server = await startServer(t, env);
  const [ana, ben, cyd] = await Promise.all(['ana', 'ben', 'cyd'].map((handle) => TestDevice.register(server, handle)));
  const [a, b, c] = await Promise.all([ana!.connect(), ben!.connect(), cyd!.connect()]);
  return { server, ana: ana!, ben: ben!, cyd: cyd!, a, b, c };
}

const create = (socket: TestSocket, change?: SignedChange) =>
  socket.request({ case: 'createGroup', value: change ? { change } : {} }, 'group');
const change = (socket: TestSocket, value?: SignedChange) =>
  socket.request({ case: 'changeGroup', value: value ? { change: value } : {} }, 'group');

test('[GROUP-11] members fetch the group with its devices and the changes they lack', async (t) => {
  const { ana, ben, cyd, a, b, c } = await people(t);
  const made = await createGroup(a, ana, [ben]);
  const state = new Uint8Array([7, 7]);
  const named = await changeGroup(a, ana, made, {}, state);
  await changeGroup(a, ana, named, { put: [member(cyd)] });
  const seen = await fetchGroup(b, made.groupId, 1);
  assert.equal(seen.revision!.rosterRevision, 3);
  assert.deepEqual(Buffer.from(seen.sealedState), Buffer.from(state));
  const roles = new Map(seen.members.map(({ accountId, role }) => [accountId, role]));
  assert.deepEqual([roles.size, roles.get(ana.accountId)], [3, GroupRole.ADMIN]);
  const devices = new Map(seen.devices.map(({ accountId, deviceIds }) => [accountId, deviceIds]));
  for (const each of [ana, ben, cyd]) assert.deepEqual(devices.get(each.accountId), [each.deviceId]);
  // What a member that was away checks: each change follows from the one before.
  let roster: GroupRoster = made;
  for (const kept of seen.changes) roster = applyGroupChange(roster, readGroupChange(kept).change, ana.accountId);
  assert.deepEqual(groupRosterDigest(roster), groupRosterDigest(rosterOf(seen)));
  assert.equal((await fetchGroup(c, made.groupId)).changes.length, 3);
  assert.equal((await fetchGroup(c, made.groupId, 3)).changes.length, 0);
});

test('[GROUP-11] who is not in a group, or no more, learns nothing of it', async (t) => {
  const { ana, ben, cyd, a, b, c } = await people(t);
  const made = await createGroup(a, ana, [ben]);
  const outside = async (socket: TestSocket, by: TestDevice) => {
    assert.equal((await refusal(fetchGroup(socket, made.groupId))).code, 'group-unknown');
    assert.equal((await refusal(groupSend(socket, made.groupId))).code, 'group-unknown');
    const join = nextChange(made, { put: [member(by, 'admin')] });
    assert.equal((await refusal(change(socket, signed(by, join)))).code, 'group-unknown');
  };
  await outside(c, cyd);
  assert.equal((await refusal(fetchGroup(c, newGroupId()))).code, 'group-unknown', 'as one that is not there');
  await changeGroup(a, ana, made, { removed: [ben.accountId] });
  await outside(b, ben);
});

test('[GROUP-11] many large changes come in several replies, the oldest first', async (t) => {
  const { ana, ben, a, b } = await people(t);
  let roster = await createGroup(a, ana, [ben]);
  const state = new Uint8Array(30 * 1024);
  for (let count = 0; count < 8; count++) roster = await changeGroup(a, ana, roster, {}, state);
  let known = 1;
  let replies = 0;
  while (known < roster.revision) {
    const { changes } = await fetchGroup(b, roster.groupId, known);
    for (const kept of changes) assert.equal(readGroupChange(kept).change.revision, ++known);
    assert.ok(++replies < 8);
  }
  assert.ok(replies > 1);
});

test('[GROUP-7] members leave, and do nothing else; administrators do everything', async (t) => {
  const { ana, ben, cyd, a, b, c } = await people(t);
  const made = await createGroup(a, ana, [ben, cyd]);
  const tries = [
    { put: [member({ accountId: newAccountId() })] },
    { put: [member(ben, 'admin')] },
    { removed: [cyd.accountId] },
    { removed: [ana.accountId] },
    { removed: [ben.accountId, cyd.accountId] },
  ];
  for (const step of tries) {
    assert.equal((await refusal(change(b, signed(ben, nextChange(made, step))))).code, 'group-forbidden');
  }
  const renaming = nextChange(made, { changesState: true });
  assert.equal((await refusal(change(b, signed(ben, renaming, new Uint8Array([1]))))).code, 'group-forbidden');
  const left = await changeGroup(b, ben, made, { removed: [ben.accountId] });
  assert.equal(left.members.has(ben.accountId), false, 'who leaves is told the group without them');
  const promoted = await changeGroup(a, ana, left, { put: [member(cyd, 'admin')] });
  await changeGroup(c, cyd, promoted, { removed: [ana.accountId], put: [member(ben)] });
  assert.equal((await fetchGroup(b, made.groupId)).members.length, 2);
});

test('[GROUP-6] the last administrator who leaves hands over; the last member ends the group', async (t) => {
  const { ana, ben, a, b } = await people(t);
  const made = await createGroup(a, ana, [ben]);
  await changeGroup(a, ana, made, { removed: [ana.accountId] });
  const left = await fetchGroup(b, made.groupId);
  assert.deepEqual(
    left.members.map(({ role }) => role),
    [GroupRole.ADMIN],
  );
  const empty = await changeGroup(b, ben, rosterOf(left), { removed: [ben.accountId] });
  assert.equal(empty.members.size, 0);
  assert.equal((await refusal(fetchGroup(b, made.groupId))).code, 'group-unknown');
});

test('[GROUP-8] of two changes at once one wins; the other is told the revisions, and mends', async (t) => {
  const { ana, ben, cyd, a, b } = await people(t);
  const made = await changeGroup(a, ana, await createGroup(a, ana, [ben]), { put: [member(ben, 'admin')] });
  const outcomes = await Promise.allSettled([
    changeGroup(a, ana, made, { put: [member(cyd)] }),
    changeGroup(b, ben, made, { put: [member({ accountId: newAccountId() })] }),
  ]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const lost = outcomes.find((outcome) => outcome.status === 'rejected')!;
  const { failure } = lost.reason as { failure: Awaited<ReturnType<typeof refusal>> };
  assert.equal(failure.code, 'stale-group');
  assert.deepEqual([failure.staleGroup!.groupId, failure.staleGroup!.rosterRevision], [made.groupId, 3]);
  const now = rosterOf(await fetchGroup(a, made.groupId));
  await changeGroup(a, ana, now, { put: [member({ accountId: newAccountId() })] });
  const future = nextChange({ ...now, revision: now.revision + 5 }, { removed: [ben.accountId] });
  const early = await refusal(change(a, signed(ana, future)));
  assert.deepEqual([early.code, early.staleGroup?.rosterRevision], ['stale-group', 4]);
  const forged = { ...nextChange({ ...now, revision: now.revision + 1 }, { removed: [ben.accountId] }) };
  assert.equal((await refusal(change(a, signed(ana, forged)))).code, 'group-change-invalid', 'of another roster');
});

test('[GROUP-12] a change sent again is answered again and carried out once', async (t) => {
  const { ana, ben, cyd, a } = await people(t);
  const first = signed(ana, creation(ana, [ben]));
  const made = rosterOf(await create(a, first));
  assert.deepEqual(rosterOf(await create(a, first)), made);
  const adding = signed(ana, nextChange(made, { put: [member(cyd)] }));
  for (const reply of await Promise.all([change(a, adding), change(a, adding)]))
    assert.equal(rosterOf(reply).revision, 2);
  assert.equal(rosterOf(await change(a, adding)).revision, 2);
  assert.equal(rosterOf(await create(a, first)).revision, 2, 'the group of today');
});

test('[GROUP-9] a change needs the signature of a device of who makes it', async (t) => {
  const { server, ana, ben, a, b } = await people(t);
  const made = await createGroup(a, ana, [ben]);
  const good = signed(ana, nextChange(made, { removed: [ben.accountId] }));
  const flipped = Uint8Array.from(good.signature);
  flipped[3]! ^= 1;
  const otherBytes = Uint8Array.from(good.change);
  otherBytes[otherBytes.length - 1]! ^= 1;
  const refusals: [TestSocket, SignedChange, string][] = [
    [b, good, 'forbidden'],
    [b, { ...good, by: ben.address }, 'signature-invalid'],
    [a, { ...good, by: { ...ana.address, deviceId: 77 } }, 'device-unknown'],
    [a, { ...good, signature: flipped }, 'signature-invalid'],
    [a, { ...good, change: otherBytes }, 'signature-invalid'],
    [a, { ...good, signature: new Uint8Array(63) }, 'group-change-invalid'],
    [a, { ...good, change: new Uint8Array([255]) }, 'group-change-invalid'],
  ];
  for (const [socket, value, code] of refusals) assert.equal((await refusal(change(socket, value))).code, code);
  assert.equal((await refusal(change(a))).code, 'group-change-invalid');
  assert.equal((await refusal(create(a))).code, 'group-change-invalid');
  const wrongState = nextChange(made, { changesState: true });
  const large = signed(ana, wrongState, new Uint8Array(LIMITS.groupStateBytesMax + 1));
  assert.equal((await refusal(change(a, large))).code, 'group-change-invalid');
  assert.equal((await refusal(fetchGroup(a, 'g'))).code, 'invalid-request');
  assert.equal((await refusal(fetchGroup(a, ana.accountId))).code, 'invalid-request');
  assert.equal((await fetchGroup(a, made.groupId)).revision!.rosterRevision, 1, 'nothing has changed');
  // A device that was replaced signs for nobody.
  const newAna = await TestDevice.register(server, 'ana');
  const again = await newAna.connect();
  assert.equal((await refusal(change(again, good))).code, 'device-unknown');
});

test('[GROUP-9] a group id is taken once', async (t) => {
  const { ana, ben, a, b } = await people(t);
  const made = await createGroup(a, ana, []);
  const second = signed(ben, creation(ben, [], made.groupId));
  assert.equal((await refusal(create(b, second))).code, 'group-change-invalid');
  assert.equal((await refusal(create(b, signed(ben, creation(ana, []))))).code, 'group-change-invalid');
});

test('[GROUP-10] a group of 1,024 is made and fetched; one more is refused', async (t) => {
  const { ana, ben, a, b } = await people(t);
  const others = Array.from({ length: 1022 }, () => member({ accountId: newAccountId() }));
  const base = creation(ana, [ben]);
  const full = rosterOf(await create(a, signed(ana, { ...base, put: [...base.put, ...others] })));
  assert.equal(full.members.size, 1024);
  assert.equal((await fetchGroup(b, full.groupId)).members.length, 1024);
  const more = nextChange(full, { put: [member({ accountId: newAccountId() })] });
  assert.equal((await refusal(change(a, signed(ana, more)))).code, 'group-full');
});

test('[GROUP-15] an account makes so many groups a day', async (t) => {
  const { server, ana, a, b, ben } = await people(t, { CARILLON_MESSAGING_GROUPS_PER_DAY_PER_ACCOUNT: '2' });
  const first = signed(ana, creation(ana, []));
  await create(a, first);
  await createGroup(a, ana, []);
  const refused = await refusal(createGroup(a, ana, []));
  assert.equal(refused.code, 'rate-limited');
  assert.ok(refused.retryAfterMs > 3600_000);
  await create(a, first);
  await createGroup(b, ben, []);
  server.clock.aheadMs = 13 * 3600_000;
  await createGroup(a, ana, []);
});

test('[GROUP-6] whatever members do at once, the kept changes lead to the roster the server tells', async (t) => {
  const { ana, ben, cyd, a, b, c } = await people(t);
  const made = await createGroup(a, ana, [ben, cyd]);
  const extras = Array.from({ length: 4 }, () => ({ accountId: newAccountId() }));
  let seed = 12345;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const everyone = [ana, ben, cyd, ...extras];
  for (let round = 0; round < 30; round++) {
    const now = await fetchGroup(a, made.groupId).catch(() => undefined);
    if (!now) break;
    const attempts = (
      [
        [a, ana],
        [b, ben],
        [c, cyd],
      ] as const
    ).map(([socket, by]) => {
      const someone = everyone[random(everyone.length)]!;
      const step =
        random(3) === 0 && someone !== ana
          ? { removed: [someone.accountId] }
          : { put: [member(someone, someone === ana || random(2) === 0 ? 'admin' : 'member')] };
      return changeGroup(socket, by, rosterOf(now), step);
    });
    for (const outcome of await Promise.allSettled(attempts)) {
      if (outcome.status === 'fulfilled') continue;
      const { code } = (outcome.reason as { failure: ProtocolError }).failure;
      assert.match(code, /^(stale-group|group-forbidden|group-unknown|group-change-invalid)$/);
    }
  }
  const end = await fetchGroup(a, made.groupId, 1);
  let roster: GroupRoster = made;
  for (const kept of end.changes) {
    const { change: read, by } = readGroupChange(kept);
    roster = applyGroupChange(roster, read, by.accountId);
  }
  assert.ok(roster.revision > 5);
  assert.deepEqual(groupRosterDigest(roster), groupRosterDigest(rosterOf(end)));
});
