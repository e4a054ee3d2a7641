import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CallId } from '@carillon/protocol';
import { SqliteEventLog } from '@carillon/service';
import { freePort } from '@carillon/service/testing';
import { Harness, newId } from './harness.ts';

test('[EVENT-9] the end of each call is noted once, with its reason and time, and counted', async (t) => {
  const harness = new Harness();
  t.after(() => harness.end());
  const port = await freePort();
  await harness.start({ CARILLON_SIGNALING_METRICS_PORT: String(port) });
  const [caller, callee] = [await harness.device(), await harness.device()];
  const read = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const call = async () => {
    const callId = newId<CallId>();
    await caller.want('state', { case: 'create', value: { callId, calleeAccountIds: [callee.accountId] } });
    await callee.want('state', { case: 'ring', value: { callId } });
    return callId;
  };
  const answered = await call();
  await callee.want('state', { case: 'accept', value: { callId: answered } });
  assert.match(await read(), /^carillon_live_calls 1$/m);
  await caller.want('done', { case: 'hangUp', value: { callId: answered } });
  const refused = await call();
  await callee.want('done', { case: 'decline', value: { callId: refused } });

  let text = '';
  while (!/reason="declined"/.test(text)) text = await read();
  assert.match(text, /^carillon_calls_ended_total\{reason="hung-up"\} 1$/m);
  assert.match(text, /^carillon_live_calls 0$/m);
  assert.ok(!text.includes(caller.accountId) && !text.includes(answered));

  await harness.stop();
  const log = new SqliteEventLog(join(harness.dir.path, 'signaling/events.db'));
  const events = (await log.read('another', 10, 0)).map(({ event }) => event);
  await log.close();
  assert.deepEqual(
    events.map((event) => event.type === 'call-ended' && { callId: event.callId, reason: event.reason }),
    [
      { callId: answered, reason: 'hung-up' },
      { callId: refused, reason: 'declined' },
    ],
  );
  for (const event of events) assert.ok(event.type === 'call-ended' && event.durationMs >= 0);
});

test('without a Redis or metrics nothing is noted: nobody would read it', async (t) => {
  const harness = new Harness();
  t.after(() => harness.end());
  await harness.start();
  const caller = await harness.device();
  const callId = newId<CallId>();
  await caller.want('state', { case: 'create', value: { callId, calleeAccountIds: [newId()] } });
  await caller.want('done', { case: 'hangUp', value: { callId } });
  await harness.stop();
  assert.equal(existsSync(join(harness.dir.path, 'signaling/events.db')), false);
});
