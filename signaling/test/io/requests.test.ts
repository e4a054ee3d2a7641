import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ProtocolError, type SignalingClientFrame, SignalingClientFrameSchema } from '@carillon/protocol';
import fc from 'fast-check';
import { readRequest } from '../../src/io/requests.ts';
import { device } from '../core/people.ts';
import { type ClientBody, newId } from './harness.ts';

function readable(bytes: Uint8Array): void {
  let frame: SignalingClientFrame;
  try {
    frame = fromBinary(SignalingClientFrameSchema, bytes);
  } catch {
    return;
  }
  try {
    const { callId, event } = readRequest(frame, device('alice'));
    assert.equal(callId.length, 22);
    assert.ok('by' in event);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `not a refusal: ${String(error)}`);
  }
}

describe('[CALL-19] any bytes', () => {
  it('are read, or refused by a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readable(bytes)),
      { numRuns: 2_000 },
    );
  });

  it('are read, or refused by a code, when they are nearly right', () => {
    const to = { accountId: newId(), deviceId: 2 };
    const bodies: NonNullable<ClientBody>[] = [
      { case: 'create', value: { callId: newId(), calleeAccountIds: [newId(), newId()], video: true } },
      { case: 'attach', value: { callId: newId(), receivedSeq: 7n } },
      { case: 'decline', value: { callId: newId(), busy: true } },
      { case: 'invite', value: { callId: newId(), accountIds: [newId()] } },
      { case: 'relay', value: { callId: newId(), to, sealed: new Uint8Array(20) } },
    ];
    const frames = bodies.map((body) =>
      toBinary(SignalingClientFrameSchema, create(SignalingClientFrameSchema, { requestId: 1, body })),
    );
    const spoilt = fc
      .record({
        frame: fc.constantFrom(...frames),
        at: fc.nat(200),
        byte: fc.integer({ min: 0, max: 255 }),
        cut: fc.nat(60),
      })
      .map(({ frame, at, byte, cut }) => {
        const bytes = frame.slice(0, Math.max(1, frame.length - Math.max(0, cut - 50)));
        bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(spoilt, (bytes) => readable(bytes)),
      { numRuns: 2_000 },
    );
  });
});
