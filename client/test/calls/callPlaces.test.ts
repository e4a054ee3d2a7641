import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunningCall } from '../../src/calls/call.ts';
import { CallPlaces } from '../../src/calls/callPlaces.ts';
import type { CallPhase } from '../../src/model.ts';

/** The places look at nothing else of a call. */
const inPhase = (phase: CallPhase) => ({ state: { phase } }) as RunningCall;

test('[CALL-67] a call that the person is in takes the place of one that rings, which waits beside it', () => {
  const places = new CallPlaces();
  const [ringing, answered] = [inPhase('ringing-in'), inPhase('connecting')];
  assert.ok(places.ring(ringing));
  assert.ok(places.enter(answered));
  assert.deepEqual([places.current, places.waiting], [answered, ringing]);
});

test('[CALL-67] no call is put in the place of another, nor of a second ring', () => {
  const places = new CallPlaces();
  const [talking, waiting] = [inPhase('active'), inPhase('ringing-in')];
  assert.ok(places.enter(talking));
  assert.equal(places.enter(inPhase('starting')), false);
  assert.ok(places.ring(waiting));
  assert.equal(places.ring(inPhase('ringing-in')), false);
  assert.deepEqual(places.all, [talking, waiting]);

  const rung = new CallPlaces();
  const [first, second] = [inPhase('ringing-in'), inPhase('ringing-in')];
  assert.ok(rung.ring(first) && rung.ring(second));
  assert.equal(rung.enter(inPhase('connecting')), false);
  assert.deepEqual([rung.current, rung.waiting], [first, second]);
});
