// Whom a request is limited by. Behind a proxy that is the address the proxy
// appended last to X-Forwarded-For; from anyone else the header is a mere claim.
import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';

export function remoteAddress(request: IncomingMessage, trustedProxies: readonly string[]): string {
  let address = plain(request.socket.remoteAddress ?? '');
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  while (isTrusted(address, trustedProxies) && forwarded.length > 0) {
    const next = plain(forwarded.pop()!.trim());
    if (!isIPv4(next) && !isIPv6(next)) break;
    address = next;
  }
  return limitKey(address);
}

function isTrusted(address: string, trustedProxies: readonly string[]): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.')) || trustedProxies.includes(address);
}

/** IPv4 as IPv4, also when it came through an IPv6 socket (RFC 4291 §2.5.5.2). */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

/** One IPv6 customer has a /64 at least (RFC 6177): all its addresses count as one. */
function limitKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':');
}
