// Our ratchet messages on the wire: a header in the clear, authenticated as
// associated data, and the AEAD's output.
import { concatBytes, utf8 } from '@carillon/protocol';
import type { RatchetHeader, RatchetMessage, RatchetProfile } from './doubleRatchet.ts';
import { E2eeError } from './errors.ts';
import { AEAD_TAG_BYTES, openWithMessageKey, sealWithMessageKey } from './messageSealing.ts';
import { SESSION_TAG_BYTES } from './pqxdh.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const RATCHET_VERSION = 1;
export const RATCHET_HEADER_BYTES = 1 + SESSION_TAG_BYTES + 32 + 4 + 4;
const MESSAGE_INFO = utf8('Carillon Message v1');

/** The session a message belongs to. */
export interface SessionContext {
  /** On the wire: one session is tried, never all of them. */
  readonly tag: Bytes;
  readonly associatedData: Bytes;
}

export const carillonRatchet: RatchetProfile<SessionContext> = {
  rootInfo: utf8('Carillon Ratchet v1'),
  sealMessage(provider, messageKey, session, header, plaintext) {
    const headerBytes = encodeHeader(session.tag, header);
    const associatedData = concatBytes(session.associatedData, headerBytes);
    return concatBytes(headerBytes, sealWithMessageKey(provider, MESSAGE_INFO, messageKey, plaintext, associatedData));
  },
  openMessage(provider, messageKey, session, { headerBytes, body }) {
    const associatedData = concatBytes(session.associatedData, headerBytes);
    return openWithMessageKey(provider, MESSAGE_INFO, messageKey, body, associatedData);
  },
};

function encodeHeader(tag: Bytes, header: RatchetHeader): Bytes {
  const counters = new DataView(new ArrayBuffer(8));
  counters.setUint32(0, header.pn);
  counters.setUint32(4, header.n);
  return concatBytes(Uint8Array.of(RATCHET_VERSION), tag, header.dh, new Uint8Array(counters.buffer));
}

/** @throws E2eeError bad-message */
export function splitRatchetMessage(message: Uint8Array): RatchetMessage & { readonly tag: Bytes } {
  if (message.length < RATCHET_HEADER_BYTES + AEAD_TAG_BYTES || message[0] !== RATCHET_VERSION) {
    throw new E2eeError('bad-message', 'not a ratchet message of a known version');
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const dhAt = 1 + SESSION_TAG_BYTES;
  return {
    tag: new Uint8Array(message.subarray(1, dhAt)),
    header: {
      dh: new Uint8Array(message.subarray(dhAt, dhAt + 32)),
      pn: view.getUint32(dhAt + 32),
      n: view.getUint32(dhAt + 36),
    },
    headerBytes: message.subarray(0, RATCHET_HEADER_BYTES),
    body: message.subarray(RATCHET_HEADER_BYTES),
  };
}
