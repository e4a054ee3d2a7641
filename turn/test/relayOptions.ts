import { silentLog } from '@carillon/service';
import type { RelayOptions } from '../src/index.ts';

export const SECRET = 'a shared secret for the tests';

/** A relay on loopback that lets nothing but what a test changes stand in its way. */
export function relayOptions(changed: Partial<RelayOptions> = {}): RelayOptions {
  return {
    listen: '127.0.0.1',
    port: 0,
    portMin: 49152,
    portMax: 65535,
    realm: 'test',
    secrets: [SECRET],
    allowPeers: ['127.0.0.1/32'],
    allocationsPerUserMax: 5,
    allocationsMax: 50,
    unprovenPerSecond: 1000,
    userRates: { bitsPerSecond: 1e9, packetsPerSecond: 1e6 },
    drainMs: 0,
    log: silentLog,
    now: Date.now,
    // Tests set both clocks, or this one alone.
    unixNow: changed.now ?? Date.now,
    ...changed,
  };
}
