// Transport addresses, their families, and their XOR form (RFC 8489 §14.2).
import { isIPv6 } from 'node:net';
import { MAGIC_COOKIE } from './stun.ts';

export type Family = 'ipv4' | 'ipv6';

export interface TransportAddress {
  readonly address: string;
  readonly port: number;
}

export const FAMILY = { ipv4: 1, ipv6: 2 } as const;

export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** Undefined when malformed. IPv6 comes in the form in which sockets name it (RFC 5952). */
export function readXorAddress(
  value: Buffer,
  transactionId: Buffer,
): { readonly family: Family; readonly at: TransportAddress } | undefined {
  if (value.length < 8) return undefined;
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16);
  if (value.length === 8 && value[1] === FAMILY.ipv4) {
    const ip = (value.readUInt32BE(4) ^ MAGIC_COOKIE) >>> 0;
    return { family: 'ipv4', at: { address: ipv4Text(ip), port } };
  }
  if (value.length === 20 && value[1] === FAMILY.ipv6)
    return { family: 'ipv6', at: { address: ipv6Text(xored(value.subarray(4), transactionId)), port } };
  return undefined;
}

export function writeXorAddress({ address, port }: TransportAddress, transactionId: Buffer): Buffer {
  const family = familyOf(address);
  const value = Buffer.alloc(family === 'ipv4' ? 8 : 20);
  value[1] = FAMILY[family];
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  if (family === 'ipv4') value.writeUInt32BE((ipv4Number(address) ^ MAGIC_COOKIE) >>> 0, 4);
  else xored(ipv6Bytes(address), transactionId).copy(value, 4);
  return value;
}

/** The cookie and the transaction id are the mask of an IPv6 address. */
function xored(bytes: Buffer, transactionId: Buffer): Buffer {
  const result = Buffer.alloc(16);
  result.writeUInt32BE(MAGIC_COOKIE, 0);
  transactionId.copy(result, 4, 0, 12);
  for (let n = 0; n < 16; n++) result[n]! ^= bytes[n]!;
  return result;
}

export function ipv4Text(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** @throws Error on what is no IPv6 address; a zone (`%eth0`) is no part of it */
export function ipv6Bytes(text: string): Buffer {
  const [address = ''] = text.split('%');
  if (!isIPv6(address)) throw new Error(`'${text}' is no IPv6 address`);
  const [left = '', right] = address.split('::');
  const head = groupsOf(left);
  const tail = right === undefined ? [] : groupsOf(right);
  const groups = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}

/** The last group may be an IPv4 address, which is two (RFC 4291 §2.2). */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const ip = ipv4Number(group);
    return [Math.floor(ip / 0x10000), ip % 0x10000];
  });
}

/** RFC 5952 §4: lower case, and `::` for the first of the longest runs of zeros. */
export function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
