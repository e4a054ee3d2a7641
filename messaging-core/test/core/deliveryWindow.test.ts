// The delivery window against a model queue: whatever the order of sends,
// reads and acks, each envelope goes out once, in order, within the bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccountId, type DeviceId, LIMITS, type MessageId } from '@carillon/protocol';
import fc from 'fast-check';
import {
  closedWindow,
  type DeliveryEvent,
  PAGE_MAX,
  type ReadEffect,
  stepDelivery,
  URGENT_ROOM,
  URGENT_ROOM_BYTES,
  WINDOW_BYTES_MAX,
  WINDOW_MAX,
} from '../../src/core/deliveryWindow.ts';
import type { QueuedEnvelope } from '../../src/core/messagingStore.ts';

class Model {
  queue: QueuedEnvelope[] = [];
  delivered: QueuedEnvelope[] = [];
  drained = 0;
  state = closedWindow;
  pending: ReadEffect | undefined;
  #seq = 0;

  put(urgent: boolean, bytes = 0): void {
    this.queue.push({
      seq: ++this.#seq,
      urgent,
      messageId: '' as MessageId,
      from: { accountId: '' as AccountId, deviceId: 1 as DeviceId },
      groupId: undefined,
      kind: 2,
      ciphertext: new Uint8Array(bytes),
      acceptedAtMs: 0,
    });
    this.step({ type: 'queued' });
  }

  step(event: DeliveryEvent): void {
    const { state, effects } = stepDelivery(this.state, event);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === 'deliver') this.delivered.push(effect.envelope);
      else if (effect.type === 'say-drained') this.drained++;
      else {
        assert.equal(this.pending, undefined, 'one read at a time');
        this.pending = effect;
      }
    }
    assert.ok(this.state.inFlight.size <= WINDOW_MAX + URGENT_ROOM + PAGE_MAX);
    const bytes = this.queue.reduce(
      (sum, { seq, ciphertext }) => sum + (this.state.inFlight.has(seq) ? ciphertext.length : 0),
      0,
    );
    assert.equal(this.state.inFlightBytes, bytes);
    assert.ok(bytes <= 2 * WINDOW_BYTES_MAX + URGENT_ROOM_BYTES);
  }

  read(): void {
    const read = this.pending;
    if (!read) return;
    this.pending = undefined;
    const part = (urgent: boolean, { afterSeq, limit }: { afterSeq: number; limit: number }) =>
      this.queue.filter((envelope) => envelope.urgent === urgent && envelope.seq > afterSeq).slice(0, limit);
    this.step({ type: 'page', read, urgent: part(true, read.urgent), ordinary: part(false, read.ordinary) });
  }

  ack(count: number): void {
    const seqs = [...this.state.inFlight.keys()].slice(0, count);
    const gone = new Set(seqs);
    this.queue = this.queue.filter((envelope) => !gone.has(envelope.seq));
    this.step({ type: 'acknowledged', seqs });
  }

  settle(): void {
    for (let turn = 0; turn < 10_000 && (this.pending || this.state.inFlight.size > 0); turn++) {
      if (this.pending) this.read();
      else this.ack(50);
    }
  }
}

test('[MSG-2] [MSG-4] each envelope is delivered once per connection, in order, within the window', () => {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        put: fc.integer({ min: 1, max: 60 }),
        urgent: fc.boolean(),
        bytes: fc.constantFrom(0, 1024, LIMITS.envelopeBytesMax),
      }),
    },
    { weight: 4, arbitrary: fc.constant('read' as const) },
    { weight: 2, arbitrary: fc.record({ ack: fc.integer({ min: 0, max: 100 }) }) },
    { weight: 1, arbitrary: fc.constant('open' as const) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const model = new Model();
      let put = 0;
      for (const next of actions) {
        if (next === 'read') model.read();
        else if (next === 'open') model.step({ type: 'opened' });
        else if ('ack' in next) model.ack(next.ack);
        else
          for (let n = 0; n < next.put; n++) {
            model.put(next.urgent, next.bytes);
            put++;
          }
      }
      model.step({ type: 'opened' });
      model.settle();
      assert.equal(model.delivered.length, put);
      assert.equal(model.drained, 1);
      for (const urgent of [true, false]) {
        const seqs = model.delivered.filter((envelope) => envelope.urgent === urgent).map((envelope) => envelope.seq);
        assert.deepEqual(
          seqs,
          [...seqs].sort((a, b) => a - b),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('a device that acknowledges nothing gets a window full, and urgent ones beyond it', () => {
  const model = new Model();
  for (let n = 0; n < 500; n++) model.put(false);
  model.step({ type: 'opened' });
  for (let n = 0; n < 50; n++) model.read();
  assert.equal(model.delivered.length, WINDOW_MAX);
  assert.equal(model.drained, 0);
  for (let n = 0; n < 100; n++) {
    model.put(true);
    model.read();
  }
  assert.equal(model.delivered.length, WINDOW_MAX + URGENT_ROOM);
  assert.equal(model.pending, undefined, 'and rests');
});

test('a backlog of the largest envelopes never outgrows what a socket may hold', () => {
  const model = new Model();
  for (let n = 0; n < 100; n++) model.put(false, LIMITS.envelopeBytesMax);
  model.step({ type: 'opened' });
  for (let n = 0; n < 50; n++) model.read();
  assert.equal(model.delivered.length * LIMITS.envelopeBytesMax, WINDOW_BYTES_MAX);
  model.settle();
  assert.equal(model.delivered.length, 100);
});
