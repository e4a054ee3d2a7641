// Lets a test see exactly what the SFU forwards: one more consumer of each
// producer, whose packets come to this process instead of a socket.
import { appendFileSync, closeSync, openSync } from 'node:fs';
import type { types } from 'mediasoup';
import type { Source } from '../core/roomTypes.ts';
import type { MediaTap } from './mediaEngine.ts';

export async function tapProducer(options: {
  transport: types.DirectTransport;
  router: types.Router;
  producer: types.Producer;
  number: number;
  source: Source;
  tap: MediaTap;
}): Promise<void> {
  const { transport, router, producer, number, source, tap } = options;
  const { rtpCapabilities } = router;
  const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities });
  consumer.on('rtp', (packet) => {
    const payload = rtpPayload(packet);
    if (payload.length > 0) tap({ number, source, payload });
  });
}

/** Without header, CSRCs, extension and padding (RFC 3550 §5.1, §5.3.1). */
export function rtpPayload(packet: Uint8Array): Uint8Array {
  if (packet.length < 12) return new Uint8Array();
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const flags = packet[0]!;
  let start = 12 + 4 * (flags & 0x0f);
  if (flags & 0x10) start = start + 4 <= packet.length ? start + 4 + 4 * view.getUint16(start + 2) : packet.length;
  const padding = flags & 0x20 ? packet.at(-1)! : 0;
  return packet.subarray(Math.min(start, packet.length), Math.max(start, packet.length - padding));
}

const SOURCE_NUMBER: Record<Source, number> = { microphone: 1, camera: 2, screen: 3, 'screen-audio': 4 };

/**
 * Appends records to a file: u32 length of what follows, u32 participant number,
 * u8 source (as MediaSource), payload; integers big-endian. Stops at `bytesMax`.
 */
export function fileTap(path: string, bytesMax: number): { tap: MediaTap; close(): void } {
  const file = openSync(path, 'w', 0o600);
  let bytes = 0;
  return {
    tap: ({ number, source, payload }) => {
      if (bytes + payload.length + 9 > bytesMax) return;
      const record = Buffer.alloc(9 + payload.length);
      record.writeUInt32BE(5 + payload.length, 0);
      record.writeUInt32BE(number, 4);
      record.writeUInt8(SOURCE_NUMBER[source], 8);
      record.set(payload, 9);
      appendFileSync(file, record);
      bytes += record.length;
    },
    close: () => closeSync(file),
  };
}
