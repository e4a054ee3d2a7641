// The address plan: the internet is 203.0.113.0/24 (RFC 5737), each NAT has one
// address of it outside and a private network inside.

export const INTERNET = '203.0.113.0/24';
/** NATs and hosts on the internet itself that one laboratory may have. */
export const PLACES_MAX = 100;

const SERVERS_FROM = 1;
const PLACES_FROM = 100;

/** Addresses of the namespace in the middle, where servers run. */
export function serverAddress(index: number): string {
  return `203.0.113.${SERVERS_FROM + index}`;
}

export const SERVERS_MAX = 8;

/** What the internet sees of a NAT, or of a host without one. */
export function publicAddress(place: number): string {
  return `203.0.113.${PLACES_FROM + place}`;
}

/** The NAT itself is number 1 in its network. */
export function privateAddress(place: number, host: number): string {
  return `192.168.${place}.${host}`;
}
