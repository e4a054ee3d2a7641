import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import { type CarillonEvent, SqliteEventLog, silentLog } from '@carillon/service';
import { openMessagingMetrics } from '../../src/metrics/messagingMetrics.ts';

const ACCOUNT = 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId;
const device = { accountId: ACCOUNT, deviceId: 7 as DeviceId };

test('[EVENT-8] every event is counted, and no account or device can be told from the counts', async (t) => {
  const events = new SqliteEventLog(':memory:');
  const options = { host: '127.0.0.1', port: 0, connectedDevices: () => 3, log: silentLog };
  const metrics = await openMessagingMetrics({ ...options, events });
  t.after(async () => {
    await metrics.close();
    await events.close();
  });
  const happened: CarillonEvent[] = [
    { type: 'device-added', ...device },
    { type: 'device-connected', ...device },
    { type: 'envelope-waiting', ...device, urgent: true, expiresAtMs: 1 },
    { type: 'envelopes-delivered', ...device, count: 5 },
    { type: 'device-disconnected', ...device },
    { type: 'device-removed', ...device },
    { type: 'call-ended', callId: ACCOUNT, reason: 'hung-up', durationMs: 1 },
    { type: 'from-a-later-version', ...device } as unknown as CarillonEvent,
    { type: 'envelopes-delivered', ...device, count: 4 },
  ];
  for (const event of happened) await events.append(event, Date.now());
  metrics.onPush('apns-voip', 'accepted');
  metrics.onEnd('sent', true);
  let text = '';
  while (!text.includes('carillon_envelopes_delivered_total 9'))
    text = await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text();
  for (const line of [
    'carillon_connected_devices 3',
    'carillon_device_connections_total{type="begun"} 1',
    'carillon_device_connections_total{type="ended"} 1',
    'carillon_devices_total{type="added"} 1',
    'carillon_devices_total{type="removed"} 1',
    'carillon_envelopes_waiting_total{urgent="true"} 1',
    'carillon_pushes_total{service="apns-voip",outcome="accepted"} 1',
    'carillon_wakes_total{urgent="true",end="sent"} 1',
  ])
    assert.ok(text.includes(`\n${line}\n`), line);
  assert.ok(!text.includes(ACCOUNT));
});
