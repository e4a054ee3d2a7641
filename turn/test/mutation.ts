// Packets to fuzz with: what would be granted, and what becomes of it.
import { createHmac } from 'node:crypto';
import { writeXorAddress } from '../src/core/address.ts';
import { ATTRIBUTE, CLASS, encodeStun, type HmacKey, METHOD } from '../src/core/stun.ts';

/** What UDP carries over IPv4. */
export const DATAGRAM_BYTES_MAX = 65_507;

export interface Credentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: Buffer;
  readonly key: HmacKey;
}

/** Marsaglia's xorshift: the same packets from the same seed on every machine. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Requests that are granted as they are. */
export function grantedRequests({ username, realm, nonce, key }: Credentials): Buffer[] {
  const transactionId = Buffer.from('transaction0');
  const auth = [
    { type: ATTRIBUTE.username, value: Buffer.from(username) },
    { type: ATTRIBUTE.realm, value: Buffer.from(realm) },
    { type: ATTRIBUTE.nonce, value: nonce },
  ];
  const peers = ['127.0.0.1', '2606:4700::1'].map((address) => ({
    type: ATTRIBUTE.xorPeerAddress,
    value: writeXorAddress({ address, port: 9 }, transactionId),
  }));
  const channel = { type: ATTRIBUTE.channelNumber, value: Buffer.from([0x40, 1, 0, 0]) };
  const transport = { type: ATTRIBUTE.requestedTransport, value: Buffer.from([17, 0, 0, 0]) };
  const family = { type: ATTRIBUTE.requestedAddressFamily, value: Buffer.from([2, 0, 0, 0]) };
  const lifetime = { type: ATTRIBUTE.lifetime, value: Buffer.from([0, 0, 2, 88]) };
  const evenPort = { type: ATTRIBUTE.evenPort, value: Buffer.from([0]) };
  const data = { type: ATTRIBUTE.data, value: Buffer.from('data to relay') };
  const request = (method: number, attributes: { type: number; value: Buffer }[]) =>
    encodeStun({
      class: CLASS.request,
      method,
      transactionId,
      attributes: [...attributes, ...auth],
      key,
      fingerprint: true,
    });
  return [
    request(METHOD.allocate, [transport, family, lifetime]),
    request(METHOD.allocate, [transport, evenPort]),
    request(METHOD.refresh, [lifetime, family]),
    request(METHOD.createPermission, [peers[0]!]),
    request(METHOD.createPermission, [peers[1]!]),
    request(METHOD.channelBind, [channel, peers[0]!]),
    request(METHOD.channelBind, [channel, peers[1]!]),
    encodeStun({ class: CLASS.indication, method: METHOD.send, transactionId, attributes: [peers[0]!, data] }),
  ];
}

/** Changes bytes, lengths and types, cuts, repeats and joins. */
export function mutated(seeds: readonly Buffer[], random: (below: number) => number): Buffer {
  const seed = seeds[random(seeds.length)]!;
  let bytes = Buffer.from(seed);
  for (let count = random(4) + 1; count > 0 && bytes.length > 0; count--) {
    const at = random(bytes.length);
    switch (random(64) === 0 ? 8 : random(8)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1))]).subarray(0, DATAGRAM_BYTES_MAX);
        break;
      case 4: {
        const other = seeds[random(seeds.length)]!;
        bytes = Buffer.concat([bytes.subarray(0, at & ~3), other.subarray(random(other.length) & ~3)]).subarray(
          0,
          DATAGRAM_BYTES_MAX,
        );
        break;
      }
      case 5:
        if (bytes.length >= 4)
          bytes.writeUInt16BE([0, 1, 0xffff, bytes.length, bytes.length - 20][random(5)]! & 0xffff, 2);
        break;
      case 6:
        // An attribute's type or length, wherever one may begin.
        if (bytes.length >= 24) bytes.writeUInt16BE(random(0x40), (20 + (at % (bytes.length - 22))) & ~1);
        break;
      case 8:
        // As long as a datagram can be, its last attribute too.
        bytes = Buffer.concat([bytes, Buffer.alloc(random(DATAGRAM_BYTES_MAX - bytes.length + 1), random(256))]);
        break;
      default:
        // Of the length that it has, so that what is inside is read.
        if (bytes.length >= 20) bytes.writeUInt16BE((bytes.length - 20) & ~3 & 0xffff, 2);
        bytes = bytes.subarray(0, bytes.length >= 20 ? 20 + ((bytes.length - 20) & ~3) : bytes.length);
    }
  }
  return bytes;
}

/** As if who holds the credential had sent it: what authentication alone would hide is reached. */
export function signed(bytes: Buffer, key: HmacKey): Buffer {
  // With a FINGERPRINT that is wrong by now it would be no message; behind MESSAGE-INTEGRITY it can go.
  const at = bytes.lastIndexOf(Buffer.from([0, 8, 0, 20]));
  if (at < 20 || at + 24 > bytes.length) return bytes;
  const whole = Buffer.from(bytes.subarray(0, at + 24));
  whole.writeUInt16BE(whole.length - 20, 2);
  createHmac('sha1', key)
    .update(whole.subarray(0, at))
    .digest()
    .copy(whole, at + 4);
  return whole;
}
