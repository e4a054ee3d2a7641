// What every store of calls promises. Each adapter's test runs it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it, type TestContext } from 'node:test';
import { type Address, type CallId, utf8 } from '@carillon/protocol';
import type { Call, CallEvent, LiveCall } from '../../src/core/call.ts';
import type { CallNews, Swap } from '../../src/core/callTable.ts';
import { OUTBOX_FRAMES_MAX } from '../../src/core/outbox.ts';
import { OUTBOXES_PER_ACCOUNT_MAX } from '../../src/core/outboxes.ts';
import { step } from '../../src/core/step.ts';
import type { CallStore } from '../../src/io/callStore.ts';
import { account, bounds, device, Play } from '../core/people.ts';

export interface OpenedStore {
  readonly store: CallStore;
  /** Of followed calls, as they came. */
  readonly news: CallNews[];
  /** Resolves when so many have come. */
  heard(count: number): Promise<void>;
}

/** Opens a store and starts it. */
export async function opened(store: CallStore, overrides = {}): Promise<OpenedStore> {
  const news: CallNews[] = [];
  let wake = () => {};
  const never = () => assert.fail('nobody has died');
  await store.start({
    news: (_, one) => {
      news.push(one);
      wake();
    },
    due: async () => {},
    orphaned: async () => never(),
    replaced: never,
    unsure: never,
    ...overrides,
  });
  const heard = async (count: number) => {
    while (news.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { store, news, heard };
}

const nowMs = Date.now();

function created(): LiveCall {
  const callId = randomBytes(16).toString('base64url') as CallId;
  const { live } = new Play().create(['bob']).ask('ring', 'bob', 1).ask('ring', 'bob', 2);
  return { ...live, callId };
}

const plain = (call: Call, version: number, more: Partial<Swap> = {}): Swap => ({
  ...{ callId: call.callId, version, call, detach: [], told: { state: [], ended: [] } },
  ...more,
});

function stepped(call: Call, event: CallEvent): Call {
  const result = step(call, event, nowMs, bounds);
  if ('refusal' in result) throw new Error(result.refusal);
  return result.call;
}

/** @param open Two stores of one system: two nodes, or the same one twice where there can be but one. */
export function callStoreContract(open: (t: TestContext) => Promise<readonly [OpenedStore, OpenedStore]>): void {
  it('[CALL-26] swaps only what nobody has swapped since it was read: one of two accepts wins', async (t) => {
    const [{ store }, { store: other }] = await open(t);
    const call = created();
    assert.equal(await store.read(call.callId, true), undefined);
    assert.deepEqual(await store.swap(plain(call, 0)), { done: true, version: 1, frames: [] });
    assert.deepEqual(await other.read(call.callId, true), { call, version: 1 });
    assert.deepEqual(await other.swap(plain(call, 0)), { done: false, why: 'changed' });
    const accepts = [1, 2].map((id) => stepped(call, { type: 'accept', by: device('bob', id) }));
    const swapped = await Promise.all([store.swap(plain(accepts[0]!, 1)), other.swap(plain(accepts[1]!, 1))]);
    assert.equal(swapped.filter(({ done }) => done).length, 1);
    const winner = accepts[swapped.findIndex(({ done }) => done)];
    assert.deepEqual((await store.read(call.callId, true))?.call, winner);
  });

  it('tells whoever follows, in order', async (t) => {
    const [{ store }, { store: other, news, heard }] = await open(t);
    const call = created();
    await store.swap(plain(call, 0));
    await other.follow(call.callId);
    const before = news.length;
    const accepted = stepped(call, { type: 'accept', by: device('bob', 1) });
    const told: Swap['told'] = {
      state: [device('alice')],
      ended: [{ to: device('bob', 2), reason: 'accepted-elsewhere', by: account('bob') }],
    };
    await store.swap(plain(accepted, 1, { told }));
    const from = device('alice');
    const relay = { call: accepted as LiveCall, version: 2, from, to: device('bob'), sealed: utf8('a\nb\0') };
    assert.equal(await store.relay({ ...relay, nowMs }), 'done');
    await heard(before + 2);
    const [changed, relayed] = news.slice(before);
    assert.deepEqual(changed, { type: 'changed', call: accepted, version: 2, ...told });
    assert.ok(relayed?.type === 'relayed');
    assert.deepEqual([relayed.to, relayed.frame.from, relayed.frame.sealed], [device('bob'), from, utf8('a\nb\0')]);
    assert.deepEqual((await other.read(call.callId, false))?.version, 2);
    other.unfollow(call.callId);
  });

  it('[CALL-13] keeps what is relayed, counted, until the device says that it has it', async (t) => {
    const [{ store }, { store: other }] = await open(t);
    const call = created();
    await store.swap(plain(call, 0));
    const bob = device('bob');
    const relay = (words: string, version = 1, to = bob) =>
      store.relay({ call, version, from: device('alice'), to, sealed: utf8(words), nowMs });
    for (const words of ['one', 'two', 'three']) assert.equal(await relay(words), 'done');
    assert.equal(await relay('late', 7), 'changed');
    const attach = (receivedSeq: bigint) => ({ device: bob, seat: 'run|1', receivedSeq });
    const first = await other.swap(plain(call, 1, { attach: attach(0n) }));
    assert.ok(first.done);
    const words = (frames: readonly { sealed: Uint8Array }[]) =>
      frames.map(({ sealed }) => Buffer.from(sealed).toString());
    assert.deepEqual(words(first.frames), ['one', 'two', 'three']);
    assert.ok(first.frames.every(({ seq }, i) => i === 0 || seq > first.frames[i - 1]!.seq));
    const second = await store.swap(plain(call, 2, { attach: attach(first.frames[1]!.seq) }));
    assert.ok(second.done);
    assert.deepEqual(words(second.frames), ['three']);
    const spared = await store.swap(plain(call, 3, { attach: attach(2n ** 64n - 1n) }));
    assert.deepEqual(spared.done && spared.frames, []);
    assert.equal(await relay('four', 4), 'done');
    const left = await store.swap(plain(call, 4, { detach: [bob] }));
    assert.ok(left.done);
    const again = await store.swap(plain(call, 5, { attach: attach(0n) }));
    assert.deepEqual(again.done && again.frames, []);
  });

  it('[CALL-59] knows which device has said how good the call was, whichever node it said it to', async (t) => {
    const [{ store }, { store: other }] = await open(t);
    const call = created();
    await store.swap(plain(call, 0));
    assert.equal(await store.noteReport(call.callId, device('bob')), true);
    assert.equal(await other.noteReport(call.callId, device('bob')), false);
    assert.equal(await other.noteReport(call.callId, device('bob', 2)), true);
    assert.equal(await store.noteReport(created().callId, device('bob')), true);
  });

  it('[CALL-77] keeps no more than its bounds', async (t) => {
    const [{ store }] = await open(t);
    const call = created();
    await store.swap(plain(call, 0));
    const relay = (to: Address) =>
      store.relay({ call, version: 1, from: device('alice'), to, sealed: new Uint8Array(10), nowMs });
    for (let i = 0; i < OUTBOX_FRAMES_MAX + 5; i++) await relay(device('bob'));
    const attached = await store.swap(
      plain(call, 1, { attach: { device: device('bob'), seat: 'run|1', receivedSeq: 0n } }),
    );
    assert.equal(attached.done && attached.frames.length, OUTBOX_FRAMES_MAX);
    const to = (id: number) =>
      store.relay({ call, version: 2, from: device('alice'), to: device('bob', id), sealed: new Uint8Array(1), nowMs });
    const named = Array.from({ length: OUTBOXES_PER_ACCOUNT_MAX - 1 }, (_, i) => i + 3);
    for (const id of named) assert.equal(await to(id), 'done');
    assert.equal(await to(99), 'full');
    assert.equal(await to(3), 'done');
    assert.equal(await to(2), 'done', 'a device that rings has a place');
  });

  it('[CALL-27] minds the end of a seat only while it has its device’s place', async (t) => {
    const [{ store }, { store: other }] = await open(t);
    const call = created();
    const alice = device('alice');
    await store.swap(plain(call, 0, { attach: { device: alice, seat: 'one|1', receivedSeq: 0n } }));
    const onlyFor = { device: alice, seats: ['one|2', 'one|1'] };
    assert.ok((await store.swap(plain(call, 1, { onlyFor }))).done);
    await other.swap(plain(call, 2, { attach: { device: alice, seat: 'two|1', receivedSeq: 0n } }));
    assert.deepEqual(await store.swap(plain(call, 3, { onlyFor })), { done: false, why: 'superseded' });
    await other.swap(plain(call, 3, { detach: [alice] }));
    assert.deepEqual(await store.swap(plain(call, 4, { onlyFor })), { done: false, why: 'superseded' });
  });

  it('knows whose calls are whose, and keeps the endings of what is over', async (t) => {
    const [{ store }, { store: other }] = await open(t);
    const call = created();
    const creator = account(randomBytes(6).toString('hex'));
    await store.noteCreated(creator, call.callId, nowMs + 1);
    const earlier = created().callId;
    await store.noteCreated(creator, earlier, nowMs);
    assert.deepEqual(
      (await other.createdBy(creator)).toSorted((a, b) => a.atMs - b.atMs),
      [
        { callId: earlier, atMs: nowMs },
        { callId: call.callId, atMs: nowMs + 1 },
      ],
    );
    store.dropCreated(creator, earlier);
    await store.swap(plain(call, 0));
    const ended = stepped(call, { type: 'hang_up', by: device('alice') });
    assert.ok((await other.swap(plain(ended, 1))).done);
    assert.deepEqual((await store.read(call.callId, true))?.call, ended);
    other.dropCreated(creator, call.callId);
    assert.deepEqual(await other.createdBy(creator), []);
  });
}
