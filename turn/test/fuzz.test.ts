// Mutated packets, from what Chromium sent and from requests of every kind that
// would be granted, through the parser and what answers: nothing throws, nothing
// grows. CARILLON_FUZZ_PACKETS=5000000 for a long run, CARILLON_FUZZ_SEED to repeat one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AllocationState } from '../src/core/allocation.ts';
import { longTermKey, makeNonce } from '../src/core/credentials.ts';
import { dataIndication } from '../src/core/dataIndication.ts';
import { PeerPolicy } from '../src/core/peerPolicy.ts';
import { type ClientView, handleMessage, type KnownAllocation, type RelayRules } from '../src/core/requests.ts';
import { StreamFrames } from '../src/core/streamFrames.ts';
import { ATTRIBUTE, attributeOf, decodeStun } from '../src/core/stun.ts';
import { recordedDatagrams } from './fixtures/chromium.ts';
import { grantedRequests, mutated, randomFrom, signed } from './mutation.ts';

const PACKETS = Number(process.env.CARILLON_FUZZ_PACKETS ?? 200_000);
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** What a run of millions may hold more than one of thousands: the collector's leftovers. */
const GROWTH_BYTES_MAX = 8 * 1024 * 1024;
const NOW_MS = 1_700_000_000_000;
/** What a reply to one who has proved nothing has beyond the request: error code, nonce and a realm of 4 bytes. */
const CHALLENGE_BYTES = 8 + 12 + 8;
/** Time goes on, within the life of the nonce. */
const NONCE_MS = 3_000_000;
const USERNAME = '1800000000:fuzz';

const rules: RelayRules = {
  realm: 'test',
  secrets: ['a secret of the fuzzer'],
  nonceKey: Buffer.from('a key of nonces'),
  policy: new PeerPolicy(['127.0.0.0/8']),
  allocationsPerUserMax: 10,
  allocationsMax: 10,
  families: ['ipv4', 'ipv6'],
};
const from = { address: '127.0.0.1', port: 5 };
const key = longTermKey('a secret of the fuzzer', USERNAME, rules.realm);

function allocationOf(family: 'ipv4' | 'ipv6'): KnownAllocation {
  const state = new AllocationState(NOW_MS + 600_000);
  return { username: USERNAME, key, family, state, transaction: '', reply: Buffer.alloc(0) };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

test('[TURN-14] mutated packets: no throw, no growth', { timeout: 3_600_000 }, (t) => {
  t.diagnostic(`CARILLON_FUZZ_SEED=${SEED}`);
  const random = randomFrom(SEED);
  const nonce = Buffer.from(makeNonce(rules.nonceKey, `${from.address}:${from.port}`, NOW_MS));
  const granted = grantedRequests({ username: USERNAME, realm: rules.realm, nonce, key });
  const seeds = [...granted, ...granted, ...recordedDatagrams().map(({ bytes }) => bytes)];
  const allocations = [undefined, allocationOf('ipv4'), allocationOf('ipv6')];
  const outcomes = new Map<string, number>();
  let frames = new StreamFrames();
  let before = 0;
  for (let n = 0; n < PACKETS; n++) {
    // Warm by then.
    if (n === PACKETS >> 2) before = heapBytes();
    const bytes = random(2) ? signed(mutated(seeds, random), key) : mutated(seeds, random);
    try {
      const message = decodeStun(bytes);
      if (message) {
        const allocation = allocations[random(3)];
        const client: ClientView = { from, allocation, allocations: 0, allocationsOf: () => 0, unixMs: NOW_MS };
        const outcome = handleMessage(message, client, rules, NOW_MS + ((n * 10) % NONCE_MS));
        outcomes.set(outcome.do, (outcomes.get(outcome.do) ?? 0) + 1);
        // What is answered must be a message itself.
        if ('bytes' in outcome && outcome.bytes.length > 0) assert.ok(decodeStun(outcome.bytes));
        if (outcome.do === 'reply-unproven') assert.ok(outcome.bytes.length <= bytes.length + CHALLENGE_BYTES);
      }
      if (!frames.push(bytes)) frames = new StreamFrames();
    } catch (error) {
      throw new Error(`packet ${n} of seed ${SEED}: ${bytes.toString('hex')}`, { cause: error });
    }
  }
  const growth = heapBytes() - before;
  t.diagnostic(`${JSON.stringify(Object.fromEntries(outcomes))}, heap ${(growth / 1024).toFixed(0)} KiB more`);
  assert.ok(growth < GROWTH_BYTES_MAX, `${growth} bytes more after ${PACKETS} packets of seed ${SEED}`);
  for (const kind of ['reply', 'reply-unproven', 'allocate', 'send', 'nothing'])
    assert.ok(outcomes.has(kind), `no packet got as far as '${kind}'`);
});

test('[TURN-14] a Data indication carries whatever a peer sends, or is none', (t) => {
  t.diagnostic(`CARILLON_FUZZ_SEED=${SEED}`);
  const random = randomFrom(SEED);
  for (let n = 0; n < 2_000; n++) {
    const address = random(2) ? `127.${random(256)}.0.1` : `2606:${random(0x10000).toString(16)}::${random(9_999)}`;
    // The longest that UDP carries over either family: there lengths overflow.
    const longest = address.includes(':') ? 65_527 : 65_507;
    const data = Buffer.alloc(random(2) ? random(2_000) : longest - random(64), random(256));
    const bytes = dataIndication({ address, port: random(65_536) }, data);
    const message = bytes && decodeStun(bytes);
    if (bytes) assert.deepEqual(attributeOf(message ?? assert.fail(`seed ${SEED}`), ATTRIBUTE.data), data);
    else assert.ok(data.length > 65_000, `${data.length} bytes of ${address} would fit; seed ${SEED}`);
  }
});
