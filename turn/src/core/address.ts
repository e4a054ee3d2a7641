// Transport addresses and their XOR form (RFC 8489 §14.2). The relay speaks
// IPv4; an IPv6 peer address is read, so that it can be refused by name.
import { MAGIC_COOKIE } from './stun.ts';

export interface TransportAddress {
  readonly address: string;
  readonly port: number;
}

export const FAMILY = { ipv4: 1, ipv6: 2 } as const;

/** Undefined when malformed; `family` is told apart so that 443 can be answered. */
export function readXorAddress(
  value: Buffer,
): { readonly family: 'ipv4'; readonly at: TransportAddress } | { readonly family: 'ipv6' } | undefined {
  if (value.length === 20 && value[1] === FAMILY.ipv6) return { family: 'ipv6' };
  if (value.length !== 8 || value[1] !== FAMILY.ipv4) return undefined;
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16);
  const ip = (value.readUInt32BE(4) ^ MAGIC_COOKIE) >>> 0;
  return { family: 'ipv4', at: { address: `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`, port } };
}

export function writeXorAddress({ address, port }: TransportAddress): Buffer {
  const value = Buffer.alloc(8);
  value[1] = FAMILY.ipv4;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  const ip = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  value.writeUInt32BE((ip ^ MAGIC_COOKIE) >>> 0, 4);
  return value;
}
