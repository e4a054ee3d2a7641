// Mutated packets, from what Chromium sent and from requests of every kind that
// would be granted, through the parser and what answers: nothing throws, nothing
// grows. CARILLON_FUZZ_PACKETS=5000000 for a long run, CARILLON_FUZZ_SEED to repeat one.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { writeXorAddress } from '../src/core/address.ts';
import { AllocationState } from '../src/core/allocation.ts';
import { longTermKey, makeNonce } from '../src/core/credentials.ts';
import { PeerPolicy } from '../src/core/peerPolicy.ts';
import { type ClientView, handleMessage, type KnownAllocation, type RelayRules } from '../src/core/requests.ts';
import { StreamFrames } from '../src/core/streamFrames.ts';
import { ATTRIBUTE, CLASS, decodeStun, encodeStun, METHOD } from '../src/core/stun.ts';
import { recordedDatagrams } from './fixtures/chromium.ts';

const PACKETS = Number(process.env.CARILLON_FUZZ_PACKETS ?? 40_000);
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** What a run of millions may hold more than one of thousands: the collector's leftovers. */
const GROWTH_BYTES_MAX = 8 * 1024 * 1024;
const NOW_MS = 1_700_000_000_000;
/** Time goes on, within the life of the nonce. */
const NONCE_MS = 3_000_000;
const USERNAME = '1800000000:fuzz';

/** Marsaglia's xorshift: the same packets from the same seed on every machine. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const rules: RelayRules = {
  realm: 'test',
  secret: 'a secret of the fuzzer',
  nonceKey: Buffer.from('a key of nonces'),
  policy: new PeerPolicy(['127.0.0.0/8']),
  allocationsPerUserMax: 10,
  allocationsMax: 10,
  families: ['ipv4', 'ipv6'],
};
const from = { address: '127.0.0.1', port: 5 };
const key = longTermKey(rules.secret, USERNAME, rules.realm);

function allocationOf(family: 'ipv4' | 'ipv6'): KnownAllocation {
  const state = new AllocationState(NOW_MS + 600_000);
  return { username: USERNAME, key, family, state, transaction: '', reply: Buffer.alloc(0) };
}

/** Requests that are granted as they are. */
function requests(): Buffer[] {
  const transactionId = Buffer.from('transaction0');
  const auth = [
    { type: ATTRIBUTE.username, value: Buffer.from(USERNAME) },
    { type: ATTRIBUTE.realm, value: Buffer.from(rules.realm) },
    { type: ATTRIBUTE.nonce, value: Buffer.from(makeNonce(rules.nonceKey, `${from.address}:${from.port}`, NOW_MS)) },
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
function mutated(seeds: readonly Buffer[], random: (below: number) => number): Buffer {
  const seed = seeds[random(seeds.length)]!;
  let bytes = Buffer.from(seed);
  for (let count = random(4) + 1; count > 0 && bytes.length > 0; count--) {
    const at = random(bytes.length);
    switch (random(8)) {
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
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1))]).subarray(0, 2_000);
        break;
      case 4: {
        const other = seeds[random(seeds.length)]!;
        bytes = Buffer.concat([bytes.subarray(0, at & ~3), other.subarray(random(other.length) & ~3)]).subarray(
          0,
          2_000,
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
      default:
        // Of the length that it has, so that what is inside is read.
        if (bytes.length >= 20) bytes.writeUInt16BE((bytes.length - 20) & ~3 & 0xffff, 2);
        bytes = bytes.subarray(0, bytes.length >= 20 ? 20 + ((bytes.length - 20) & ~3) : bytes.length);
    }
  }
  return bytes;
}

/** As if who holds the credential had sent it: what authentication alone would hide is reached. */
function signed(bytes: Buffer): Buffer {
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

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

test('[TURN-14] mutated packets: no throw, no growth', { timeout: 3_600_000 }, (t) => {
  t.diagnostic(`CARILLON_FUZZ_SEED=${SEED}`);
  const random = randomFrom(SEED);
  const seeds = [...requests(), ...requests(), ...recordedDatagrams().map(({ bytes }) => bytes)];
  const allocations = [undefined, allocationOf('ipv4'), allocationOf('ipv6')];
  const outcomes = new Map<string, number>();
  let frames = new StreamFrames();
  let before = 0;
  for (let n = 0; n < PACKETS; n++) {
    // Warm by then.
    if (n === PACKETS >> 2) before = heapBytes();
    const bytes = random(2) ? signed(mutated(seeds, random)) : mutated(seeds, random);
    try {
      const message = decodeStun(bytes);
      if (message) {
        const allocation = allocations[random(3)];
        const client: ClientView = { from, allocation, allocations: 0, allocationsOf: () => 0 };
        const outcome = handleMessage(message, client, rules, NOW_MS + ((n * 10) % NONCE_MS));
        outcomes.set(outcome.do, (outcomes.get(outcome.do) ?? 0) + 1);
        // What is answered must be a message itself.
        if ('bytes' in outcome && outcome.bytes.length > 0) assert.ok(decodeStun(outcome.bytes));
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
