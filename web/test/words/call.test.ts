import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callEntryWords, endWords, qualityWords } from '../../src/words/call.ts';

test('a call entry says who did not answer', () => {
  const call = { video: true, durationMs: 125_000 };
  assert.equal(callEntryWords({ ...call, outgoing: false, outcome: 'missed' }), 'Missed video call');
  assert.equal(callEntryWords({ ...call, outgoing: true, outcome: 'missed' }), 'Video call, no answer');
  assert.equal(callEntryWords({ ...call, outgoing: true, outcome: 'completed' }), 'Video call, 2:05');
  assert.equal(
    callEntryWords({ ...call, video: false, outgoing: false, outcome: 'declined' }),
    'You declined a voice call',
  );
});

test('every reason and every quality has words', () => {
  for (const reason of ['hung-up', 'declined', 'busy', 'cancelled', 'expired', 'connection-lost', 'failed'] as const) {
    assert.notEqual(endWords(reason), '');
  }
  for (const quality of [0, 1, 2, 3] as const) assert.match(qualityWords(quality), /onnection/);
});
