import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type CallId, MediaPath, QualityReportSchema } from '@carillon/protocol';
import { SqliteEventLog } from '@carillon/service';
import { freePort } from '@carillon/service/testing';
import { readReport } from '../../src/io/qualityReports.ts';
import { type Device, Harness, newId } from './harness.ts';

type Report = MessageInitShape<typeof QualityReportSchema> & { readonly callId: CallId };

const good = (callId: CallId, change: Partial<Report> = {}): Report => ({
  ...{ callId, seconds: 61, mosMeanX100: 421, mosMinX100: 305, path: MediaPath.RELAY_TLS },
  ...{ roundTripP50Ms: 80, roundTripP95Ms: 240, jitterP50Ms: 4, jitterP95Ms: 22 },
  ...{ lossMeanPermille: 12, lossP95Permille: 60, iceRestarts: 1, audioOnlySeconds: 7 },
  ...change,
});

async function answered(caller: Device, callee: Device): Promise<CallId> {
  const callId = newId<CallId>();
  await caller.want('state', { case: 'create', value: { callId, calleeAccountIds: [callee.accountId] } });
  await callee.want('state', { case: 'ring', value: { callId } });
  await callee.want('state', { case: 'accept', value: { callId } });
  return callId;
}

const report = (device: Device, value: Report) => device.want('done', { case: 'qualityReport', value });

test('[CALL-59] a report becomes one event of its call without account or address, and is counted', async (t) => {
  const harness = new Harness();
  t.after(() => harness.end());
  const port = await freePort();
  await harness.start({ CARILLON_SIGNALING_METRICS_PORT: String(port) });
  const [caller, callee] = [await harness.device(), await harness.device()];
  const callId = await answered(caller, callee);
  await report(caller, good(callId));
  await caller.want('done', { case: 'hangUp', value: { callId } });
  // The call is over for a moment already.
  await report(callee, good(callId, { mosMeanX100: 250, mosMinX100: 100, path: MediaPath.DIRECT }));

  let text = '';
  while (!/carillon_call_mos_count\{path="direct"\} 1/.test(text)) {
    text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  }
  assert.match(text, /^carillon_call_mos_bucket\{path="relay-tls",le="4.2"\} 0$/m);
  assert.match(text, /^carillon_call_mos_bucket\{path="relay-tls",le="4.4"\} 1$/m);
  assert.match(text, /^carillon_call_mos_bucket\{path="direct",le="2.5"\} 1$/m);
  assert.match(text, /^carillon_call_round_trip_seconds_sum\{path="direct"\} 0.08$/m);
  assert.match(text, /^carillon_call_loss_ratio_bucket\{path="direct",le="0.02"\} 1$/m);
  assert.match(text, /^carillon_call_ice_restarts_total 2$/m);
  assert.match(text, /^carillon_call_audio_only_seconds_total 14$/m);

  await harness.stop();
  const log = new SqliteEventLog(join(harness.dir.path, 'signaling/events.db'));
  const events = (await log.read('another', 10, 0)).map(({ event }) => event);
  await log.close();
  assert.deepEqual(events[0], {
    ...{ type: 'call-quality', callId, path: 'relay-tls', seconds: 61, scoreMean: 4.21, scoreMin: 3.05 },
    ...{ roundTripP50Ms: 80, roundTripP95Ms: 240, jitterP50Ms: 4, jitterP95Ms: 22, lossMean: 0.012, lossP95: 0.06 },
    ...{ iceRestarts: 1, audioOnlySeconds: 7 },
  });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['call-quality', 'call-ended', 'call-quality'],
  );
  // By which whoever wants one summary of a call joins them.
  for (const event of events) assert.ok('callId' in event && event.callId === callId);
  for (const { accountId } of [caller, callee]) assert.ok(!JSON.stringify(events).includes(accountId));
});

describe('reports that are refused', () => {
  const harness = new Harness();
  let caller: Device;
  let callee: Device;
  before(async () => {
    await harness.start();
    [caller, callee] = [await harness.device(), await harness.device()];
  });
  after(() => harness.end());

  it('[CALL-59] the second of a device, not that of the other', async () => {
    const callId = await answered(caller, callee);
    await report(caller, good(callId));
    await assert.rejects(report(caller, good(callId)), /call-state/);
    await report(callee, good(callId));
    await caller.want('done', { case: 'hangUp', value: { callId } });
    await assert.rejects(report(callee, good(callId)), /call-state/);
  });

  it('[CALL-59] of a call that nobody knows, that is not theirs, or that this device was not in', async () => {
    await assert.rejects(report(caller, good(newId())), /call-unknown/);
    const callId = await answered(caller, callee);
    const stranger = await harness.device();
    await assert.rejects(report(stranger, good(callId)), /call-not-yours/);
    await assert.rejects(report(await harness.device(callee.accountId, 2), good(callId)), /call-not-yours/);
    await caller.want('done', { case: 'hangUp', value: { callId } });
    await assert.rejects(report(stranger, good(callId)), /call-not-yours/);
    await report(caller, good(callId));
  });

  it('[CALL-59] with figures outside their bounds; the call and the socket live on', async () => {
    const callId = await answered(caller, callee);
    const bad: Partial<Report>[] = [
      { seconds: 0 },
      { seconds: 4_294_967_295 },
      { mosMeanX100: 451 },
      { mosMinX100: 99 },
      { mosMeanX100: 300, mosMinX100: 400 },
      { roundTripP95Ms: 60_001 },
      { roundTripP50Ms: 241 },
      { jitterP50Ms: 23 },
      { lossMeanPermille: 1_001 },
      { path: MediaPath.UNSPECIFIED },
      { path: 99 as MediaPath },
      { iceRestarts: 10_001 },
      { audioOnlySeconds: 604_801 },
      { callId: 'short' as CallId },
    ];
    for (const change of bad) {
      await assert.rejects(report(caller, good(callId, change)), /invalid-request/, JSON.stringify(change));
    }
    await report(caller, good(callId));
    await caller.want('done', { case: 'hangUp', value: { callId } });
  });

  it('[CALL-59] what passes says nothing beyond its figures', () => {
    const callId = newId<CallId>();
    const note = readReport(create(QualityReportSchema, good(callId)));
    assert.ok(
      Object.values(note).every((value) => typeof value === 'number' || value === callId || value === 'relay-tls'),
    );
  });
});
