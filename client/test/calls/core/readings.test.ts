import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallSummary, Distribution } from '../../../src/calls/core/callSummary.ts';
import { newLadder, targetOf } from '../../../src/calls/core/ladder.ts';
import { BACK_SHOWN_MS, FINE, linkWords, nextLinkState } from '../../../src/calls/core/linkState.ts';
import { NO_TOTALS, type Reading, read, SENDING } from '../../../src/calls/core/readings.ts';

const inbound = (packetsReceived: number, packetsLost: number, more = {}) => ({
  ...{ type: 'inbound-rtp', kind: 'audio', packetsReceived, packetsLost, jitter: 0.01 },
  ...more,
});
const pair = {
  ...{ id: 'P', type: 'candidate-pair', nominated: true, localCandidateId: 'L', remoteCandidateId: 'R' },
  ...{ currentRoundTripTime: 0.05, availableOutgoingBitrate: 300_000 },
};
const relay = { id: 'L', type: 'local-candidate', candidateType: 'relay', relayProtocol: 'tls', usernameFragment: 'a' };

test('[CALL-56] a reading counts what came since the last one', () => {
  const [first, totals] = read([inbound(90, 10), pair], NO_TOTALS, 1_000);
  assert.deepEqual(first.inbound, { roundTripMs: 50, jitterMs: 10, loss: 0.1 });
  assert.equal(first.availableKbps, 300);
  const [second, later] = read([inbound(190, 10), pair], totals, 2_000);
  assert.equal(second.inbound?.loss, 0);
  const [third] = read([inbound(190, 10)], later, 3_000);
  assert.equal(third.inbound, undefined);
  assert.equal(third.score, undefined);
});

test('[CALL-56] the worse of both ways is the score: what the other gets of ours counts', () => {
  const report = { type: 'remote-inbound-rtp', kind: 'audio', roundTripTime: 0.05, jitter: 0.005, fractionLost: 0.3 };
  const [good] = read([inbound(100, 0), pair], NO_TOTALS, 1_000);
  const [bad] = read([inbound(100, 0), pair, report], NO_TOTALS, 1_000);
  assert.ok(good.score! > 4.2 && bad.score! < 3, `${good.score} ${bad.score}`);
});

test('[CALL-56] packets that redundancy brought back do not count, made-up sound does', () => {
  const played = { totalSamplesReceived: 48_000, silentConcealedSamples: 0 };
  const [repaired] = read([inbound(90, 10, { ...played, concealedSamples: 0 }), pair], NO_TOTALS, 1_000);
  const [heard] = read([inbound(90, 10, { ...played, concealedSamples: 4_800 }), pair], NO_TOTALS, 1_000);
  assert.ok(repaired.score! > heard.score! + 0.5);
});

test('the selected pair says the way, and its fragment each restart', () => {
  const transport = { type: 'transport', selectedCandidatePairId: 'P' };
  const stale = { ...pair, id: 'Q', localCandidateId: 'X' };
  assert.equal(read([stale, transport, pair, relay], NO_TOTALS, 1_000)[0].path, 'relay-tls');
  assert.equal(read([pair, { ...relay, candidateType: 'host' }], NO_TOTALS, 1_000)[0].path, 'direct');
  const others = { id: 'R', type: 'remote-candidate', candidateType: 'relay' };
  assert.equal(read([pair, others], NO_TOTALS, 1_000)[0].path, 'relay-udp');
  assert.equal(read([pair, relay], NO_TOTALS, 1_000)[0].iceFragment, 'a');
});

test('what is sent is counted with its headers', () => {
  const outbound = (packetsSent: number) => ({
    ...{
      type: 'outbound-rtp',
      kind: 'audio',
      packetsSent,
      bytesSent: packetsSent * 80,
      headerBytesSent: packetsSent * 20,
    },
  });
  const [, totals] = read([outbound(0)], NO_TOTALS, 1_000);
  const [reading] = read([outbound(50), { type: SENDING, redundant: true }], totals, 2_000);
  assert.equal(reading.sendingKbps, (50 * (80 + 20 + 38) * 8) / 1_000);
  assert.equal(reading.redundant, true);
});

test('speaking is audio above a quiet room', () => {
  const speaking = (more: object) => read([inbound(1, 0, more)], NO_TOTALS, 1_000)[0].speaking;
  assert.equal(speaking({ audioLevel: 0.1 }), true);
  assert.equal(speaking({ audioLevel: 0.001 }), false);
  assert.equal(speaking({ kind: 'video', audioLevel: 1 }), false);
});

test('entries of any shape are read', () => {
  const odd = { type: 'inbound-rtp', packetsReceived: 'many', jitter: Number.NaN };
  const [reading] = read([odd, { type: 'candidate-pair', nominated: true }, {}], NO_TOTALS, 1_000);
  assert.equal(reading.score, undefined);
});

test('[CALL-59] the summary of a call has its percentiles, its way, restarts and seconds without pictures', () => {
  const summary = new CallSummary();
  assert.equal(summary.report, undefined);
  const reading = (roundTripMs: number, iceFragment: string): Reading => ({
    inbound: { roundTripMs, jitterMs: 5, loss: 0.01 },
    outbound: undefined,
    score: roundTripMs > 200 ? 3 : 4.2,
    ...{ speaking: false, availableKbps: 1, sendingKbps: 1, path: 'relay-tcp', iceFragment, redundant: false },
  });
  for (let second = 0; second < 90; second++) summary.add(reading(100, 'a'), false, false);
  for (let second = 0; second < 10; second++) summary.add(reading(400, 'b'), false, true);
  const report = summary.report!;
  assert.ok(Math.abs(report.roundTripP50Ms - 100) < 6 && Math.abs(report.roundTripP95Ms - 400) < 21);
  assert.ok(Math.abs(report.lossMean - 0.01) < 1e-9 && Math.abs(report.lossP95 - 0.01) < 0.001);
  const { seconds, scoreMin, path, iceRestarts, audioOnlySeconds } = report;
  assert.deepEqual(
    { seconds, scoreMin, path, iceRestarts, audioOnlySeconds },
    { seconds: 100, scoreMin: 3, path: 'relay-tcp', iceRestarts: 1, audioOnlySeconds: 10 },
  );
  assert.equal(report.scoreMean.toFixed(2), '4.08');
});

test('a distribution keeps its promise of 5 % over its whole reach', () => {
  for (const value of [1, 7, 33, 250, 9_000, 150_000]) {
    const distribution = new Distribution();
    distribution.add(value);
    assert.ok(Math.abs(distribution.percentile(0.5) / value - 1) <= 0.051, `${value}`);
  }
  const none = new Distribution();
  assert.equal(none.percentile(0.5), 0);
});

test('[CALL-58] that the picture is paused is said with the reason, that it is back for a while', () => {
  const low = { ...newLadder(0), rung: 6, why: 'narrow' as const };
  const paused = nextLinkState(FINE, targetOf(low, true), true, 0);
  assert.match(linkWords(paused, [])!, /^Your video is paused: your connection is too slow for it\./);
  assert.equal(nextLinkState(paused, targetOf(low, true), true, 1_000), paused);
  const top = targetOf(newLadder(0), true);
  const back = nextLinkState(paused, top, true, 2_000);
  assert.match(linkWords(back, [])!, /on again/);
  assert.equal(nextLinkState(back, top, true, 2_000 + BACK_SHOWN_MS), FINE);
  // The camera was turned off meanwhile: nothing is back.
  assert.equal(nextLinkState(paused, targetOf(low, false), false, 1_000), FINE);
  assert.match(linkWords(FINE, ['Bo'])!, /Bo is too weak for video/);
  assert.equal(linkWords(FINE, []), undefined);
});
