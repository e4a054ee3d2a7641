import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { Calls } from '../../src/io/calls.ts';
import { EmbeddedCallStore } from '../../src/io/embeddedCallStore.ts';
import { Seats } from '../../src/io/seats.ts';
import { FewestRooms } from '../../src/io/sfuNodes.ts';
import { SqliteCallFile } from '../../src/io/sqliteCallFile.ts';
import { clockOf } from '../../src/io/timers.ts';
import { account, bounds, callId, device } from '../core/people.ts';

describe('the owner of the calls', () => {
  async function owner(nodes = new FewestRooms([])) {
    const file = new SqliteCallFile(':memory:');
    const store = new EmbeddedCallStore({ file, callsMax: 10, log: silentLog });
    const calls = await Calls.open({
      store,
      seats: new Seats(),
      nodes,
      bounds,
      callsMax: 10,
      createsPerMinute: 60,
      outboxBytesMax: 1024,
      clock: clockOf(() => 0),
      log: silentLog,
    });
    return { calls, file };
  }
  const create = {
    type: 'create',
    by: device('alice'),
    callId,
    callees: [account('bob')],
    video: false,
    room: true,
  } as const;

  it('goes on without its store, and says that it does', async (t) => {
    const { calls, file } = await owner();
    t.after(() => calls.close());
    await calls.apply(callId, create);
    assert.deepEqual(calls.problems(), []);
    // As good as a full disk: every write fails from now on.
    file.close();
    await calls.apply(callId, { type: 'accept', by: device('bob') });
    assert.equal(calls.problems().length, 1);
    await calls.apply(callId, { type: 'hang_up', by: device('alice') });
  });

  it('counts the rooms of each node from first ticket to end', async (t) => {
    const nodes = new FewestRooms([
      { id: 'a', url: '/a' },
      { id: 'b', url: '/b' },
    ]);
    const { calls, file } = await owner(nodes);
    t.after(() => {
      calls.close();
      file.close();
    });
    await calls.apply(callId, create);
    await calls.apply(callId, { type: 'room', by: device('alice'), node: undefined });
    assert.equal(nodes.choose()?.id, 'b');
    await calls.apply(callId, { type: 'hang_up', by: device('alice') });
    assert.equal(nodes.choose()?.id, 'a');
  });

  it('takes nothing any more once it is closed', async () => {
    const { calls, file } = await owner();
    calls.close();
    file.close();
    await assert.rejects(calls.apply(callId, create), new ProtocolError('shutting-down'));
  });
});
