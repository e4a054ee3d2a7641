// Requests with anything in their fields: each is answered, by what it asked for
// or by a code of the table, and none is a fault of the server.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { GroupChangeSchema, isErrorCode } from '@carillon/protocol';
import { type Log, silentLog } from '@carillon/service';
import fc from 'fast-check';
import { messageId, TestDevice } from '../testDevice.ts';
import { createGroup, nextChange, signed } from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { type RequestBody, RequestFailure } from '../testSocket.ts';

const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? randomInt(2 ** 31));
const REPLY_OF: Partial<Record<string, string>> = {
  send: 'sent',
  groupSend: 'sent',
  ack: 'acked',
  createGroup: 'group',
  changeGroup: 'group',
  fetchGroup: 'group',
  watchPresence: 'presence',
  setPrivacy: 'privacy',
  listBlocked: 'blocked',
};

test(`[WIRE-4] [GROUP-9] [PRES-8] whatever requests say, they are answered by a code (CARILLON_FUZZ_SEED=${SEED})`, async (t) => {
  const faults: unknown[] = [];
  const log: Log = { ...silentLog, error: (...said: unknown[]) => void faults.push(said) };
  const server = await startServer(t, {}, { log });
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const [a, b] = [await ana.connect(), await ben.connect()];
  const made = await createGroup(a, ana, [ben]);
  const good = signed(ana, nextChange(made, { removed: [ben.accountId] }));

  const account = fc.constantFrom<string>(ana.accountId, ben.accountId, messageId(), '', 'x', made.groupId);
  const group = fc.constantFrom<string>(made.groupId, `g${messageId()}`, '', ana.accountId, 'g');
  const id = fc.oneof(fc.constantFrom(messageId(), ''), fc.string({ maxLength: 30 }));
  const bytes = fc.oneof(
    fc.constantFrom(0, 1, 16, 31, 32, 64, 65).map((n) => new Uint8Array(n).fill(7)),
    fc.uint8Array(),
  );
  const uint32 = fc.oneof(fc.constantFrom(0, 1, 2, 2 ** 32 - 1), fc.nat());
  const uint64 = fc.oneof(
    fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
  const kind = fc.constantFrom(0, 1, 2, 3, 9);
  const by = fc.record({ accountId: account, deviceId: uint32 }, { noNullPrototype: true });
  const anyChange = fc
    .record({
      groupId: group,
      rosterRevision: uint32,
      previousDigest: bytes,
      put: fc.array(fc.record({ accountId: account, role: kind }, { noNullPrototype: true }), { maxLength: 4 }),
      removedAccountIds: fc.array(account, { maxLength: 4 }),
      sealedState: bytes,
      madeAtMs: uint64,
    })
    .map((init) =>
      toBinary(GroupChangeSchema, create(GroupChangeSchema, init as MessageInitShape<typeof GroupChangeSchema>)),
    );
  const signedChange = fc.record(
    { change: fc.oneof(anyChange, bytes), by, signature: fc.oneof(bytes, fc.constant(good.signature)) },
    { noNullPrototype: true },
  );
  const change = fc.option(signedChange, { nil: undefined }).map((value) => (value ? { change: value } : {}));
  const envelope = fc.record({ deviceId: uint32, kind, ciphertext: bytes }, { noNullPrototype: true });
  const request = (of: string, fields: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(fields, { noNullPrototype: true }).map((value) => ({ case: of, value }) as unknown as RequestBody);
  const body: fc.Arbitrary<RequestBody> = fc.oneof(
    request('send', {
      messageId: id,
      recipientAccountId: account,
      envelopes: fc.array(envelope, { maxLength: 18 }),
      urgent: fc.boolean(),
      expiresAtMs: uint64,
      ephemeral: fc.boolean(),
    }),
    request('groupSend', {
      messageId: id,
      groupId: group,
      rosterRevision: uint32,
      devicesRevision: uint64,
      ciphertext: bytes,
      urgent: fc.boolean(),
      expiresAtMs: uint64,
      ephemeral: fc.boolean(),
    }),
    request('ack', { seqs: fc.array(uint64, { maxLength: 20 }) }),
    change.map((value) => ({ case: 'createGroup', value }) as RequestBody),
    change.map((value) => ({ case: 'changeGroup', value }) as RequestBody),
    request('fetchGroup', { groupId: group, sinceRevision: uint32 }),
    request('watchPresence', { accountId: account, watch: fc.boolean(), presenceKey: bytes }),
    request('setPresence', { active: fc.boolean() }),
    request('setPrivacy', {
      privacy: fc.record({ presence: kind, presenceKeyDigest: bytes }, { noNullPrototype: true }),
    }),
    request('setBlocked', { accountId: account, blocked: fc.boolean() }),
    request('listBlocked', {}),
    request('setPushTarget', { service: kind, token: fc.oneof(id, fc.webUrl()), p256dh: bytes, auth: bytes }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 10 }), async (bodies) => {
      const answers = bodies.map(async (each) => {
        // Buckets full again: this is not about rates.
        server.clock.aheadMs += 3600_000;
        try {
          await a.request(each, REPLY_OF[each.case!] ?? 'done');
        } catch (error) {
          if (!(error instanceof RequestFailure)) throw error;
          assert.ok(isErrorCode(error.failure.code), error.failure.code);
          assert.notEqual(error.failure.code, 'internal-error');
        }
      });
      await Promise.all(answers);
    }),
    { seed: SEED, numRuns: 120 },
  );
  assert.deepEqual(faults, []);
  await b.request({ case: 'ping', value: {} }, 'pong');
});
