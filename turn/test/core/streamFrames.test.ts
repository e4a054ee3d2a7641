import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamFrames } from '../../src/core/streamFrames.ts';
import { CLASS, encodeStun, METHOD } from '../../src/core/stun.ts';

function channelData(data: Uint8Array): Buffer {
  const message = Buffer.alloc(4 + ((data.length + 3) & ~3));
  message.writeUInt16BE(0x4001, 0);
  message.writeUInt16BE(data.length, 2);
  message.set(data, 4);
  return message;
}

test('[TURN-11] messages come out whole, however the stream is cut', () => {
  const stun = encodeStun({
    class: CLASS.request,
    method: METHOD.binding,
    transactionId: Buffer.alloc(12),
    attributes: [],
  });
  const data = fc.uint8Array({ maxLength: 50 }).map(channelData);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(data, fc.constant(stun)), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (messages, cuts) => {
        const whole = Buffer.concat(messages);
        const frames = new StreamFrames();
        const got: Buffer[] = [];
        for (let offset = 0, n = 0; offset < whole.length; n++) {
          const length = cuts[n % cuts.length]!;
          got.push(...(frames.push(whole.subarray(offset, offset + length)) ?? assert.fail()));
          offset += length;
        }
        assert.deepEqual(got.map(String), messages.map(String));
      },
    ),
  );
});

test('[TURN-11] what is neither STUN nor ChannelData ends the stream', () => {
  for (const bytes of ['GET / HTTP/1.1', '\x80\0\0\0', '\0\x01\0\x01']) {
    const pushed = new StreamFrames().push(Buffer.from(bytes, 'latin1'));
    // 'G' is 01: ChannelData of 21536 bytes, which never come.
    assert.deepEqual(pushed, bytes.startsWith('GET') ? [] : undefined);
  }
});

test('[TURN-36] a message costs the same however finely the stream is cut', () => {
  const byte = (bytes: number) => {
    const message = channelData(new Uint8Array(bytes));
    const frames = new StreamFrames();
    const began = process.cpuUsage().user;
    let got = 0;
    while (got < (1 << 19) / bytes)
      for (const one of message) got += frames.push(Buffer.of(one))?.length ?? assert.fail();
    return process.cpuUsage().user - began;
  };
  byte(512);
  const [short, long] = [byte(512), byte(1 << 15)];
  assert.ok(long < 8 * short, `${long} us for long messages, ${short} us for as many bytes of short ones`);
});

test('[TURN-36] a message longer than is wanted ends the stream when it is announced', () => {
  const announced = channelData(new Uint8Array(3_000)).subarray(0, 4);
  assert.equal(new StreamFrames().push(announced, 2_048), undefined);
  assert.deepEqual(new StreamFrames().push(announced), []);
  assert.equal(new StreamFrames().push(channelData(new Uint8Array(2_044)), 2_048)?.length, 1);
});
