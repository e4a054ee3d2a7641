import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, Outbox } from '../../src/core/outbox.ts';
import { Outboxes } from '../../src/core/outboxes.ts';
import { callId, device } from './people.ts';

const from = device('alice');

describe('an outbox', () => {
  it('[CALL-13] counts from 1 and sends again what was not received', () => {
    const outbox = new Outbox(0);
    for (let byte = 1; byte <= 4; byte++) assert.equal(outbox.push(from, new Uint8Array([byte]), 0).seq, BigInt(byte));
    assert.deepEqual(
      outbox.after(2n).map(({ seq }) => seq),
      [3n, 4n],
    );
    assert.equal(outbox.bytes, 2);
    assert.deepEqual(outbox.after(4n), []);
    assert.equal(outbox.push(from, new Uint8Array(1), 0).seq, 5n);
  });

  it('drops the oldest past its frames and past its bytes', () => {
    const many = new Outbox(0);
    for (let index = 0; index < OUTBOX_FRAMES_MAX + 10; index++) many.push(from, new Uint8Array(1), 0);
    assert.equal(many.after(0n)[0]?.seq, 11n);
    const large = new Outbox(0);
    for (let index = 0; index < 20; index++) large.push(from, new Uint8Array(OUTBOX_BYTES_MAX / 8), 0);
    assert.equal(large.after(0n).length, 8);
    assert.equal(large.bytes, OUTBOX_BYTES_MAX);
  });

  it('forgets what is old, and goes on counting', () => {
    const outbox = new Outbox(0);
    for (let atMs = 1; atMs <= 4; atMs++) outbox.push(from, new Uint8Array(1), atMs);
    outbox.dropBefore(3);
    assert.equal(outbox.bytes, 2);
    outbox.dropBefore(9);
    assert.deepEqual(outbox.after(0n), []);
    assert.equal(outbox.push(from, new Uint8Array(1), 9).seq, 5n);
  });

  it('begins above all earlier sequences after a restart', () => {
    assert.ok(new Outbox(1).push(from, new Uint8Array(1), 0).seq > 2n ** 32n);
  });
});

describe('outboxes', () => {
  it('count together, and give back what they held', () => {
    const outboxes = new Outboxes();
    const when = { restores: 0, isPresent: true, nowMs: 5 };
    const push = (to: string, bytes: number) =>
      outboxes.push(callId, device(to), { from, sealed: new Uint8Array(bytes) }, when);
    push('bob', 10);
    push('bob', 20);
    push('carol', 40);
    assert.equal(outboxes.bytes, 70);
    assert.equal(outboxes.after(callId, device('bob'), 1n).length, 1);
    assert.equal(outboxes.bytes, 60);
    outboxes.empty(callId, device('bob'));
    assert.equal(outboxes.bytes, 40);
    assert.equal(push('bob', 1)?.seq, 3n, 'a device that comes back is counted on');
    outboxes.dropBefore(6);
    assert.equal(outboxes.bytes, 0);
    push('dave', 5);
    outboxes.forget(callId);
    assert.equal(outboxes.bytes, 0);
    assert.deepEqual(outboxes.after(callId, device('dave'), 0n), []);
  });
});
