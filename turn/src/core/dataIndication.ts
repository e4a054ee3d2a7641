// What carries a peer's datagram to a client without a channel.
import { type TransportAddress, writeXorAddress } from './address.ts';
import { ATTRIBUTE, CLASS, encodeStun, METHOD } from './stun.ts';

/** RFC 8656 §11.3. Its transaction id proves nothing to anyone: a counter does. */
let indications = 0;
export function dataIndication(peer: TransportAddress, data: Buffer): Buffer {
  const transactionId = Buffer.alloc(12);
  transactionId.writeUInt32BE(++indications >>> 0, 8);
  return encodeStun({
    class: CLASS.indication,
    method: METHOD.data,
    transactionId,
    attributes: [
      { type: ATTRIBUTE.xorPeerAddress, value: writeXorAddress(peer, transactionId) },
      { type: ATTRIBUTE.data, value: data },
    ],
  });
}
