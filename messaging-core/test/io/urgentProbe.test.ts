// A call to a device whose socket is dead, which nobody has noticed yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SqliteEventLog } from '@carillon/service';
import { TestDevice } from '../testDevice.ts';
import { startServer } from '../testServer.ts';

test('[MSG-31] a device that gives no sign of life after a call counts as gone, so that it is woken', async (t) => {
  const events = new SqliteEventLog(':memory:');
  const server = await startServer(t, {}, { events, urgentProbeMs: 200 });
  t.after(() => events.close());
  const [ana, ben, cyd] = await Promise.all(['ana', 'ben', 'cyd'].map((handle) => TestDevice.register(server, handle)));
  const [from, dead, alive] = await Promise.all([ana!.connect(), ben!.connect(), cyd!.connect()]);
  dead.ws.pause();
  await from.send(ben!.address);
  await from.send(cyd!.address, { urgent: true });
  await from.send(ben!.address, { urgent: true });
  const gone = async () => {
    for (;;) {
      const read = await events.read('test', 100, 5_000);
      const left = read.filter(({ event }) => event.type === 'device-disconnected');
      if (left.length > 0) return left.map(({ event }) => 'accountId' in event && event.accountId);
    }
  };
  assert.deepEqual(await gone(), [ben!.accountId]);
  await alive.request({ case: 'ping', value: {} }, 'pong');
  await alive.delivered(1);
  dead.ws.terminate();
  const again = await ben!.connect();
  assert.equal((await again.delivered(2))[0]!.urgent, true, 'and gets it when it comes');
});
