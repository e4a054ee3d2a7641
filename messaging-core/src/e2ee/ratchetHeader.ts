// The header of a ratchet message: in the clear, authenticated as associated data.
import { concatBytes } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import { SESSION_TAG_BYTES } from './x3dh.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const RATCHET_VERSION = 1;
export const RATCHET_HEADER_BYTES = 1 + SESSION_TAG_BYTES + 32 + 4 + 4;
const AEAD_TAG_BYTES = 16;

export interface RatchetHeader {
  /** The session it belongs to: one is tried, never all of them. */
  readonly tag: Bytes;
  /** The sender's present ratchet key. */
  readonly dh: Bytes;
  /** Messages in the sender's chain before this one. */
  readonly pn: number;
  readonly n: number;
}

export function encodeRatchetHeader(header: RatchetHeader): Bytes {
  const counters = new DataView(new ArrayBuffer(8));
  counters.setUint32(0, header.pn);
  counters.setUint32(4, header.n);
  return concatBytes(Uint8Array.of(RATCHET_VERSION), header.tag, header.dh, new Uint8Array(counters.buffer));
}

/** @throws E2eeError bad-message */
export function splitRatchetMessage(message: Uint8Array): {
  header: RatchetHeader;
  headerBytes: Uint8Array;
  body: Uint8Array;
} {
  if (message.length < RATCHET_HEADER_BYTES + AEAD_TAG_BYTES || message[0] !== RATCHET_VERSION) {
    throw new E2eeError('bad-message', 'not a ratchet message of a known version');
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const dhAt = 1 + SESSION_TAG_BYTES;
  return {
    header: {
      tag: new Uint8Array(message.subarray(1, dhAt)),
      dh: new Uint8Array(message.subarray(dhAt, dhAt + 32)),
      pn: view.getUint32(dhAt + 32),
      n: view.getUint32(dhAt + 36),
    },
    headerBytes: message.subarray(0, RATCHET_HEADER_BYTES),
    body: message.subarray(RATCHET_HEADER_BYTES),
  };
}
