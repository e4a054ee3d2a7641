import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileTap, rtpPayload } from '../../src/io/mediasoupTap.ts';

test('an RTP payload is what is left without CSRCs, extension and padding', () => {
  const header = [0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
  const payload = [1, 2, 3];
  assert.deepEqual([...rtpPayload(Uint8Array.from([...header, ...payload]))], payload);
  const all = [0xb1, ...header.slice(1), 7, 7, 7, 7, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0, ...payload, 0, 2];
  assert.deepEqual([...rtpPayload(Uint8Array.from(all))], payload);
});

test('no bytes make the parser fail or read past the packet', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (packet) => {
      assert.ok(rtpPayload(packet).length <= packet.length);
    }),
  );
});

test('the tap file holds length-prefixed records up to its bound', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'carillon-tap-'));
  try {
    const file = path.join(folder, 'tap');
    const { tap, close } = fileTap(file, 30);
    tap({ number: 2, source: 'camera', payload: Uint8Array.from([1, 2, 3]) });
    tap({ number: 2, source: 'camera', payload: new Uint8Array(100) });
    close();
    assert.deepEqual([...readFileSync(file)], [0, 0, 0, 8, 0, 0, 0, 2, 2, 1, 2, 3]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
