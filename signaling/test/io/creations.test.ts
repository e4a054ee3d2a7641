import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type CallId, ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import type { Swap } from '../../src/core/callTable.ts';
import { Calls } from '../../src/io/calls.ts';
import { EmbeddedCallStore } from '../../src/io/embeddedCallStore.ts';
import { type Connection, Seat, Seats } from '../../src/io/seats.ts';
import { FewestRooms } from '../../src/io/sfuNodes.ts';
import { SqliteCallFile } from '../../src/io/sqliteCallFile.ts';
import { clockOf } from '../../src/io/timers.ts';
import { account, bounds, device } from '../core/people.ts';

/** Goes away just after a swap, as another process may. */
class FickleStore extends EmbeddedCallStore {
  goesAfterSwap = false;
  isAway = false;

  override async swap(swap: Swap) {
    if (this.isAway) throw new ProtocolError('internal-error');
    const swapped = await super.swap(swap);
    this.isAway = this.goesAfterSwap;
    return swapped;
  }

  override async createdBy(...args: Parameters<EmbeddedCallStore['createdBy']>) {
    if (this.isAway) throw new ProtocolError('internal-error');
    return super.createdBy(...args);
  }
}

describe('calls that are created', () => {
  let nowMs = 1_000_000;

  async function opened(t: TestContext) {
    const file = new SqliteCallFile(':memory:');
    const store = new FickleStore({ file, callsMax: 100, log: silentLog });
    const calls = await Calls.open({
      ...{ store, seats: new Seats(), nodes: new FewestRooms([]), bounds, callsMax: 100, createsPerMinute: 60 },
      ...{ outboxBytesMax: 1024, clock: clockOf(() => nowMs), log: silentLog },
    });
    t.after(() => {
      calls.close();
      file.close();
    });
    const create = (from: string, to: string, id: string, seat?: Seat) =>
      calls.apply(
        id as CallId,
        {
          ...{ type: 'create', by: device(from), callId: id as CallId, callees: [account(to)] },
          ...{ video: false, room: false },
        },
        seat && { seat, requestId: 1 },
      );
    const phaseOf = async (id: string) => (await store.read(id as CallId))?.call.phase;
    return { calls, store, create, phaseOf };
  }

  async function swept(calls: Calls): Promise<void> {
    calls.sweep();
    await new Promise(setImmediate);
  }

  it('[CALL-78] are answered once, though the store goes away behind them; glare is settled when it is back', async (t) => {
    const { calls, store, create, phaseOf } = await opened(t);
    const sent: unknown[] = [];
    const seat = new Seat(device('alice'), 'run|1', nowMs);
    seat.connection = { send: (frame: unknown) => sent.push(frame) > 0 } as unknown as Connection;
    await create('bob', 'alice', 'b');
    store.goesAfterSwap = true;
    await create('alice', 'bob', 'a', seat);
    assert.equal(sent.length, 1);
    store.goesAfterSwap = false;
    await swept(calls);
    assert.deepEqual([await phaseOf('a'), await phaseOf('b')], ['live', 'live'], 'still away');
    store.isAway = false;
    await swept(calls);
    assert.deepEqual([await phaseOf('a'), await phaseOf('b')], ['live', 'ended']);
  });

  it('[CALL-78] collide with nothing any more when they are over before the store is back', async (t) => {
    const { calls, store, create, phaseOf } = await opened(t);
    await create('bob', 'alice', 'b');
    store.goesAfterSwap = true;
    await create('alice', 'bob', 'a');
    [store.goesAfterSwap, store.isAway] = [false, false];
    await calls.apply('a' as CallId, { type: 'hang_up', by: device('alice') });
    await swept(calls);
    assert.deepEqual([await phaseOf('a'), await phaseOf('b')], ['ended', 'live']);
  });

  it('[CALL-79] count for their account until nothing can come of them any more', async (t) => {
    const { store, create } = await opened(t);
    // Noted by a node that died before it could create them.
    for (const id of ['w', 'x', 'y', 'z']) await store.noteCreated(account('alice'), id as CallId, nowMs);
    await assert.rejects(create('alice', 'bob', 'first'), { code: 'rate-limited' });
    nowMs += bounds.ringMs;
    await create('alice', 'bob', 'second');
    const created = await store.createdBy(account('alice'));
    assert.deepEqual(
      created.map(({ callId }) => callId),
      ['second'],
    );
  });
});
