import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AccountId, CallId, DeviceId } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import type { LiveCall } from '../../src/core/call.ts';
import { Calls } from '../../src/io/calls.ts';
import { EmbeddedCallStore } from '../../src/io/embeddedCallStore.ts';
import { Seats } from '../../src/io/seats.ts';
import { FewestRooms } from '../../src/io/sfuNodes.ts';
import { clockOf } from '../../src/io/timers.ts';

test('a clock set back by weeks does not make a call tick without a pause', async () => {
  const now = Date.now();
  const call: LiveCall = {
    ...{ phase: 'live', callId: 'A'.repeat(22) as CallId, createdBy: 'ana' as AccountId, video: false, mode: 'peer' },
    ...{ createdAtMs: now, revision: 1, lastNumber: 1, node: null, aloneUntilMs: null, restores: 0 },
    participants: [
      {
        ...{ accountId: 'ana' as AccountId, deviceId: 1 as DeviceId, number: 1, state: 'joined', lostUntilMs: null },
        ...{ video: false, held: false, preconnected: false },
      },
      // Stored before the clock was set back.
      { accountId: 'bo' as AccountId, deviceId: 0, number: 0, state: 'invited', ringsUntilMs: now + 60 * 86_400_000 },
    ],
  };
  let stored = 0;
  const file = { put: () => void stored++, delete: () => {}, all: () => [call], close: () => {} };
  const calls = await Calls.open({
    store: new EmbeddedCallStore({ file, callsMax: 10, log: silentLog }),
    seats: new Seats(),
    nodes: new FewestRooms([]),
    bounds: { ringMs: 60_000, reconnectMs: 80 * 86_400_000, endedKeptMs: 1_000, participantsMax: 8 },
    ...{ callsMax: 10, createsPerMinute: 10, outboxBytesMax: 1_000, log: silentLog },
    clock: clockOf(() => now),
  });
  await pause(50);
  calls.close();
  assert.equal(stored, 1);
});
