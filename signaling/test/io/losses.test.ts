import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type CallId, ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import type { StoredCall, Swap } from '../../src/core/callTable.ts';
import type { CallStoreEvents } from '../../src/io/callStore.ts';
import { Calls } from '../../src/io/calls.ts';
import { EmbeddedCallStore } from '../../src/io/embeddedCallStore.ts';
import { type Connection, Seat, Seats } from '../../src/io/seats.ts';
import { FewestRooms } from '../../src/io/sfuNodes.ts';
import { SqliteCallFile } from '../../src/io/sqliteCallFile.ts';
import { clockOf } from '../../src/io/timers.ts';
import { account, bounds, device } from '../core/people.ts';

/** Away for as long as the test wants, as a store of many nodes may be. */
class AwayStore extends EmbeddedCallStore {
  isAway = false;
  /** What this node last heard of the call, when it has missed news since. */
  lastHeard: StoredCall | undefined;
  events: CallStoreEvents | undefined;

  override async read(id: CallId, fresh = false): Promise<StoredCall | undefined> {
    return fresh ? super.read(id) : (this.lastHeard ?? super.read(id));
  }

  override async start(events: CallStoreEvents): Promise<void> {
    this.events = events;
    await super.start(events);
  }

  override async swap(swap: Swap) {
    if (this.isAway) throw new ProtocolError('internal-error');
    return super.swap(swap);
  }
}

const callId = 'call' as CallId;
const turn = () => new Promise(setImmediate);

describe('devices whose sockets go while the store is away', () => {
  /** A call of alice and bob, each on a socket here. */
  async function talking(t: TestContext) {
    const file = new SqliteCallFile(':memory:');
    const store = new AwayStore({ file, callsMax: 10, log: silentLog });
    const seats = new Seats();
    const calls = await Calls.open({
      ...{ store, seats, nodes: new FewestRooms([]), bounds, callsMax: 10, createsPerMinute: 60 },
      ...{ outboxBytesMax: 1024, clock: clockOf(() => 1_000_000), log: silentLog },
    });
    t.after(() => {
      calls.close();
      file.close();
    });
    const seated = (name: string) => {
      const seat = new Seat(device(name), store.seatName(), 0);
      seat.connection = { send: () => true, fail: () => {} } as unknown as Connection;
      seats.take(seat);
      return seat;
    };
    const [alice, bob] = [seated('alice'), seated('bob')];
    const by = alice.address;
    const create = { type: 'create', by, callId, callees: [account('bob')], video: false, room: false } as const;
    await calls.apply(callId, create, { seat: alice, requestId: 1 });
    const rings = await store.read(callId, true);
    await calls.apply(callId, { type: 'accept', by: bob.address }, { seat: bob, requestId: 1 });
    const gone = (seat: Seat) => {
      seats.leave(seat);
      calls.lost(seat);
    };
    const isLost = async (name: string) => {
      const call = (await store.read(callId, true))?.call;
      const own = call?.phase === 'live' && call.participants.find(({ accountId }) => accountId === account(name));
      return own && own.state === 'joined' && own.lostUntilMs !== null;
    };
    return { calls, store, rings, alice, bob, seated, gone, isLost };
  }

  it('[CALL-27] are counted as lost when it is back', async (t) => {
    const { calls, store, bob, gone, isLost } = await talking(t);
    store.isAway = true;
    gone(bob);
    await turn();
    calls.sweep();
    await turn();
    assert.equal(await isLost('bob'), false, 'nobody can know yet');
    store.isAway = false;
    store.events?.unsure();
    await turn();
    assert.deepEqual([await isLost('alice'), await isLost('bob')], [false, true]);
  });

  it('[CALL-27] also by a name that the store was never told a newer one for', async (t) => {
    const { store, bob, gone, isLost } = await talking(t);
    store.isAway = true;
    // Others may take this node for dead: the seats get new names, which do not arrive.
    store.events?.unsure();
    await turn();
    gone(bob);
    await turn();
    store.isAway = false;
    store.events?.unsure();
    await turn();
    assert.equal(await isLost('bob'), true);
  });

  it('[CALL-27] are not, once a newer socket of theirs has the place', async (t) => {
    const { calls, store, bob, seated, gone, isLost } = await talking(t);
    store.isAway = true;
    gone(bob);
    await turn();
    store.isAway = false;
    const again = seated('bob');
    const attach = { type: 'attach', by: again.address, receivedSeq: 0n } as const;
    await calls.apply(callId, attach, { seat: again, requestId: 1 });
    calls.sweep();
    await turn();
    assert.equal(await isLost('bob'), false);
  });

  it('[CALL-27] are counted as lost also by a node that has not heard yet that they had joined', async (t) => {
    const { store, rings, bob, gone, isLost } = await talking(t);
    store.lastHeard = rings;
    gone(bob);
    await turn();
    assert.equal(await isLost('bob'), true);
  });

  it('[CALL-27] are not by a word about the node’s earlier name, once it has taken its places anew', async (t) => {
    const { store, bob, isLost } = await talking(t);
    const earlier = bob.name;
    store.events?.unsure();
    await turn();
    await store.events?.orphaned(callId, bob.address, earlier);
    assert.equal(await isLost('bob'), false);
    await store.events?.orphaned(callId, bob.address, bob.name);
    assert.equal(await isLost('bob'), true);
  });
});
