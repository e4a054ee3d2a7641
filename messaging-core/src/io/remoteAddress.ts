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
  if (address === '::1' || (isIPv4(address) && address.startsWith('127.'))) return true;
  return trustedProxies.some((proxy) => plain(proxy) === address);
}

/** One form for each address; IPv4 as IPv4, also when it came through an IPv6 socket (RFC 4291 §2.5.5.2). */
function plain(address: string): string {
  if (!isIPv6(address)) return address;
  // A URL's host is in canonical form: hexadecimal, without a zone, compressed (RFC 5952).
  const canonical = new URL(`http://[${address.split('%', 1)[0]}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (!mapped) return canonical;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** One IPv6 customer has a /64 at least (RFC 6177): all its addresses count as one. */
function limitKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
