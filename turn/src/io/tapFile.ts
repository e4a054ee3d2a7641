import { closeSync, openSync, writeSync } from 'node:fs';

/** A tap is for a test of minutes, not a recording. */
const TAP_BYTES_MAX = 16 * 1024 * 1024;

/** Appends each datagram behind its length (32 bits, big-endian) until the bound. */
export function tapFile(file: string): { tap: (datagram: Buffer) => void; close: () => void } {
  const descriptor = openSync(file, 'a', 0o600);
  let written = 0;
  return {
    tap: (datagram) => {
      if (written + datagram.length + 4 > TAP_BYTES_MAX) return;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(datagram.length);
      written += writeSync(descriptor, Buffer.concat([length, datagram]));
    },
    close: () => closeSync(descriptor),
  };
}
