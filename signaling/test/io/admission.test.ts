import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS, ProtocolError } from '@carillon/protocol';
import { Admission, RELAY_BYTES_RATE } from '../../src/io/admission.ts';
import { Seat } from '../../src/io/seats.ts';
import { callId, device } from '../core/people.ts';

describe('what a node admits', () => {
  const admission = () => new Admission({ outboxBytesMax: 2 ** 40, outboxBytes: () => 0 });
  const seatOf = (name: string, id = 1) => new Seat(device(name, id), `run|${id}`, 0);
  const relay = (bytes: number) =>
    ({ type: 'relay', by: device('alice'), to: device('bob'), sealed: new Uint8Array(bytes) }) as const;

  it('[CALL-76] all of whoever calls again and again: a description and twenty candidates to each of five devices', () => {
    const admits = admission();
    const seat = seatOf('alice');
    let nowMs = 0;
    const call = () => {
      for (let to = 0; to < 5; to++) {
        admits.admit(callId, relay(10_000), seat, nowMs);
        for (let candidate = 0; candidate < 20; candidate++) admits.admit(callId, relay(300), seat, nowMs);
      }
    };
    // Sizes as Chromium makes them. As many calls as may be created at once, as fast as the rate of frames lets them go
    // out; then six a minute.
    for (let calls = 0; calls < 30; calls++, nowMs += 2_100) call();
    for (; nowMs < 3_600_000; nowMs += 10_000) call();
  });

  it('[CALL-76] so many bytes of an account, from whatever device, and says when there may be more', () => {
    const admits = admission();
    const [seat, second] = [seatOf('alice'), seatOf('alice', 2)];
    const whole = Math.floor(RELAY_BYTES_RATE.burst / LIMITS.sealedSignalBytesMax);
    for (let frames = 0; frames < whole; frames++) {
      admits.admit(callId, relay(LIMITS.sealedSignalBytesMax), frames % 2 ? seat : second, 0);
    }
    const refused = (at: Seat, nowMs: number) => {
      try {
        admits.admit(callId, relay(LIMITS.sealedSignalBytesMax), at, nowMs);
      } catch (error) {
        assert.ok(error instanceof ProtocolError && error.code === 'rate-limited');
        return error.details.retryAfterMs ?? 0;
      }
      return 0;
    };
    const waitMs = refused(seat, 0);
    assert.ok(waitMs > 0);
    assert.equal(refused(second, 0), waitMs);
    admits.admit(callId, { type: 'accept', by: device('alice') }, seat, 0);
    assert.equal(refused(seatOf('bob'), 0), 0, 'another account does not wait');
    admits.sweep(1);
    assert.ok(refused(seat, waitMs - 100) > 0);
    assert.equal(refused(seat, waitMs), 0);
  });
});
