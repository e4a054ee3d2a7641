// The SFrame header (RFC 9605 §4.3): a config byte X KKK Y CCC, then KID and CTR
// where they do not fit into three bits, big-endian, in the fewest bytes.
import { SFrameError } from './errors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface SFrameHeader {
  readonly kid: bigint;
  readonly ctr: bigint;
}

const UINT64_MAX = 2n ** 64n - 1n;
const INLINE_MAX = 7n;

function minimalBytes(value: bigint): number {
  let length = 1;
  for (let rest = value >> 8n; rest > 0n; rest >>= 8n) length++;
  return length;
}

function writeBigEndian(into: Uint8Array, at: number, length: number, value: bigint): void {
  for (let i = at + length - 1, rest = value; i >= at; i--, rest >>= 8n) into[i] = Number(rest & 0xffn);
}

/** @throws RangeError beyond 64 bits */
export function encodeHeader({ kid, ctr }: SFrameHeader): Bytes {
  if (kid < 0n || kid > UINT64_MAX || ctr < 0n || ctr > UINT64_MAX) throw new RangeError('beyond 64 bits');
  const kidBytes = kid <= INLINE_MAX ? 0 : minimalBytes(kid);
  const ctrBytes = ctr <= INLINE_MAX ? 0 : minimalBytes(ctr);
  const header = new Uint8Array(1 + kidBytes + ctrBytes);
  const k = kidBytes === 0 ? Number(kid) : 0x8 | (kidBytes - 1);
  const c = ctrBytes === 0 ? Number(ctr) : 0x8 | (ctrBytes - 1);
  header[0] = (k << 4) | c;
  writeBigEndian(header, 1, kidBytes, kid);
  writeBigEndian(header, 1 + kidBytes, ctrBytes, ctr);
  return header;
}

function readField(bytes: Uint8Array, at: number, nibble: number): { value: bigint; next: number } {
  if ((nibble & 0x8) === 0) return { value: BigInt(nibble), next: at };
  const next = at + (nibble & 0x7) + 1;
  if (next > bytes.length) throw new SFrameError('malformed', 'the header is cut off');
  let value = 0n;
  for (let i = at; i < next; i++) value = (value << 8n) | BigInt(bytes[i]!);
  // One value, one encoding: otherwise a frame could come again in another form.
  if (value <= INLINE_MAX || minimalBytes(value) !== next - at) {
    throw new SFrameError('malformed', 'the header is not in its shortest form');
  }
  return { value, next };
}

/** @throws SFrameError malformed */
export function decodeHeader(bytes: Uint8Array): SFrameHeader & { readonly headerBytes: number } {
  const config = bytes[0];
  if (config === undefined) throw new SFrameError('malformed', 'there is no header');
  const kid = readField(bytes, 1, config >> 4);
  const ctr = readField(bytes, kid.next, config & 0xf);
  return { kid: kid.value, ctr: ctr.value, headerBytes: ctr.next };
}
