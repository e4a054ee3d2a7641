import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { Calls } from '../../src/io/calls.ts';
import { Seats } from '../../src/io/seats.ts';
import { FewestRooms } from '../../src/io/sfuNodes.ts';
import { SqliteCallStore } from '../../src/io/sqliteCallStore.ts';
import { account, bounds, callId, device } from '../core/people.ts';

describe('the owner of the calls', () => {
  function owner(nodes = new FewestRooms([])) {
    const store = new SqliteCallStore(':memory:');
    const calls = new Calls({
      store,
      seats: new Seats(),
      nodes,
      bounds,
      callsMax: 10,
      createsPerMinute: 60,
      outboxBytesMax: 1024,
      now: () => 0,
      log: silentLog,
    });
    return { calls, store };
  }
  const create = {
    type: 'create',
    by: device('alice'),
    callId,
    callees: [account('bob')],
    video: false,
    room: true,
  } as const;

  it('goes on without its store, and says that it does', (t) => {
    const { calls, store } = owner();
    t.after(() => calls.close());
    calls.apply(callId, create);
    assert.deepEqual(calls.problems(), []);
    // As good as a full disk: every write fails from now on.
    store.close();
    calls.apply(callId, { type: 'accept', by: device('bob') });
    assert.equal(calls.problems().length, 1);
    calls.apply(callId, { type: 'hang_up', by: device('alice') });
  });

  it('counts the rooms of each node from first ticket to end', (t) => {
    const nodes = new FewestRooms([
      { id: 'a', url: '/a' },
      { id: 'b', url: '/b' },
    ]);
    const { calls, store } = owner(nodes);
    t.after(() => {
      calls.close();
      store.close();
    });
    calls.apply(callId, create);
    calls.apply(callId, { type: 'room', by: device('alice'), node: undefined });
    assert.equal(nodes.choose()?.id, 'b');
    calls.apply(callId, { type: 'hang_up', by: device('alice') });
    assert.equal(nodes.choose()?.id, 'a');
  });

  it('takes nothing any more once it is closed', () => {
    const { calls, store } = owner();
    calls.close();
    store.close();
    assert.throws(() => calls.apply(callId, create), new ProtocolError('shutting-down'));
  });
});
