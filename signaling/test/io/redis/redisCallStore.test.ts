import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type Address, type CallId, utf8 } from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { RELAYED_BYTES_MAX } from '../../../src/io/redis/callScripts.ts';
import { RedisCallStore } from '../../../src/io/redis/redisCallStore.ts';
import { device, Play } from '../../core/people.ts';
import { callStoreContract, opened } from '../callStoreContract.ts';

describe('calls of many nodes', () => {
  let redis: RedisServer;
  before(async () => {
    redis = await RedisServer.run();
  });
  after(() => redis.stop());

  async function node(t: TestContext, name: string, events = {}, leaseMs?: number) {
    const link = await RedisLink.connect({ url: redis.url });
    const store = await RedisCallStore.open({ link, node: name, now: Date.now, endedKeptMs: 60_000, leaseMs });
    const result = await opened(store, events);
    let isOpen = true;
    const end = async () => {
      if (!isOpen) return;
      isOpen = false;
      await store.close();
      await link.close();
    };
    t.after(end);
    /** As if its process were killed: nothing is said any more. */
    const die = async () => {
      isOpen = false;
      await link.close();
      await store.close();
    };
    return { ...result, end, die, link };
  }

  callStoreContract(async (t) => [await node(t, 'one'), await node(t, 'two')]);

  const swap = (callId: string, version: number, more = {}) => {
    const call = { ...new Play().create(['bob']).live, callId: callId as CallId };
    return { callId: call.callId, version, call, detach: [], told: { state: [], ended: [] }, ...more };
  };

  it('[CALL-28] finds the seats of a node that died, and sees to its deadlines', async (t) => {
    const dead = await node(t, 'dead', {}, 600);
    const seat = dead.store.seatName();
    await dead.store.swap(swap('call-of-the-dead', 0, { attach: { device: device('alice'), seat, receivedSeq: 0n } }));
    await dead.die();
    const found = new Promise((resolve) => {
      const due = new Promise<CallId>((dueNow) => {
        void node(t, 'heir', {
          orphaned: async (...orphan: unknown[]) => resolve([orphan, await due]),
          // Calls of the tests before are overdue as well.
          due: async (callId: CallId) => (callId === 'call-of-the-dead' ? dueNow(callId) : undefined),
        });
      });
    });
    // Its ring ended long ago: the deadline of the core's tests is in 1970.
    assert.deepEqual(await found, [['call-of-the-dead', device('alice'), seat], 'call-of-the-dead']);
  });

  it('ends the older socket of a device wherever it is', async (t) => {
    const replaced = new Promise((resolve) => {
      void (async () => {
        const one = await node(t, 'one', { replaced: (...what: unknown[]) => resolve(what) });
        const two = await node(t, 'two');
        await one.store.claim(device('carol'), one.store.seatName());
        await two.store.claim(device('carol'), two.store.seatName());
      })();
    });
    const [who, seat] = (await replaced) as [unknown, string];
    assert.deepEqual(who, device('carol'));
    assert.match(seat, /^one\.[0-9a-f]{12}\|1$/);
  });

  it('[CALL-76] takes so many bytes of each account in a call, over all nodes, within the time that they are kept', async (t) => {
    const [{ store, link }, { store: other }] = [await node(t, 'one'), await node(t, 'two')];
    const call = { ...new Play().create(['bob']).ask('accept', 'bob').live, callId: 'loud' as CallId };
    await store.swap({ ...swap('loud', 0), call });
    const relay = (at: typeof store, from: string, to: string, nowMs: number) =>
      at.relay({ call, version: 1, from: device(from), to: device(to), sealed: new Uint8Array(32_768), nowMs });
    const whole = RELAYED_BYTES_MAX / 32_768;
    for (let i = 0; i < whole; i++) assert.equal(await relay(i % 2 ? store : other, 'alice', 'bob', 10_000), 'done');
    assert.deepEqual(await relay(store, 'alice', 'bob', 70_000), { retryAfterMs: 120_000 });
    assert.deepEqual(await relay(other, 'alice', 'bob', 189_999), { retryAfterMs: 1 });
    assert.equal(await relay(other, 'bob', 'alice', 70_000), 'done', 'the other one does not wait');
    assert.equal(await relay(store, 'alice', 'bob', 190_001), 'done');
    // What was kept for so long has gone.
    const [box] = ((await link.everywhere(['KEYS', '*loud:o:bob*']))[0] as Buffer[]).map(String);
    assert.equal(await link.command(box!, ['LLEN', box!]), 1);
    assert.equal(await relay(store, 'alice', 'bob', 1_000), 'done', 'a clock that was set back');
  });

  it('leaves nothing behind of an ended call but its endings, for a while', async (t) => {
    const { store, link } = await node(t, 'one');
    const seat = store.seatName();
    const attach = { device: device('alice'), seat, receivedSeq: 0n };
    const { call } = swap('brief', 0);
    await store.swap(swap('brief', 0, { attach }));
    const relay = (to: Address) =>
      store.relay({ call, version: 1, from: device('bob'), to, sealed: utf8('x'), nowMs: 1 });
    await relay(device('alice'));
    await relay(device('alice', 99));
    const keys = async () => ((await link.everywhere(['KEYS', '*brief*']))[0] as Buffer[]).map(String);
    assert.equal((await keys()).length, 3);
    const ended = new Play().create(['bob']).ask('hang_up', 'alice').call!;
    await store.swap({ ...swap('brief', 1), call: { ...ended, callId: call.callId } });
    const [left, ...others] = await keys();
    assert.deepEqual(others, []);
    const life = Number(await link.command(left!, ['PTTL', left!]));
    assert.ok(life > 50_000 && life <= 60_000);
  });
});
