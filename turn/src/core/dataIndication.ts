// What carries a peer's datagram to a client without a channel.
import { type TransportAddress, writeXorAddress } from './address.ts';
import { ATTRIBUTE, CLASS, encodeStun, METHOD } from './stun.ts';

/** The length field has 16 bits and counts whole words (RFC 8489 §5). */
const ATTRIBUTES_BYTES_MAX = 65_532;

/** RFC 8656 §11.3. Its transaction id proves nothing to anyone: a counter does. */
let indications = 0;

/** Undefined when no message is long enough: a datagram of IPv6 leaves too little room for its sender's address. */
export function dataIndication(peer: TransportAddress, data: Buffer): Buffer | undefined {
  const transactionId = Buffer.alloc(12);
  transactionId.writeUInt32BE(++indications >>> 0, 8);
  const peerValue = writeXorAddress(peer, transactionId);
  if (4 + peerValue.length + 4 + data.length > ATTRIBUTES_BYTES_MAX) return undefined;
  return encodeStun({
    class: CLASS.indication,
    method: METHOD.data,
    transactionId,
    attributes: [
      { type: ATTRIBUTE.xorPeerAddress, value: peerValue },
      { type: ATTRIBUTE.data, value: data },
    ],
  });
}
