// What a file of calls promises.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CallId } from '@carillon/protocol';
import type { Call } from '../../src/core/call.ts';
import type { CallFile } from '../../src/io/sqliteCallFile.ts';
import { Play } from '../core/people.ts';

const named = (call: Call | undefined, id: string): Call => {
  assert.ok(call);
  return { ...call, callId: id as CallId };
};

export function callFileContract(open: () => CallFile): void {
  it('gives back whole what was put last', (t) => {
    const store = open();
    t.after(() => store.close());
    const play = new Play().create(['bob', 'carol']).ask('ring', 'bob').ask('ring', 'bob', 2);
    const ringing = named(play.call, 'one');
    store.put(ringing);
    assert.deepEqual(store.all(), [ringing]);
    const joined = named(play.ask('accept', 'bob').ask('socket_lost', 'bob').call, 'one');
    store.put(joined);
    const ended = named(new Play().create(['bob']).ask('hang_up', 'alice').call, 'two');
    store.put(ended);
    const all = store.all().sort((a, b) => (a.callId < b.callId ? -1 : 1));
    assert.deepEqual(all, [joined, ended]);
  });

  it('forgets what was deleted, and deletes the unknown without a word', (t) => {
    const store = open();
    t.after(() => store.close());
    const call = named(new Play().create(['bob']).call, 'one');
    store.put(call);
    store.delete(call.callId);
    store.delete(call.callId);
    assert.deepEqual(store.all(), []);
  });
}
