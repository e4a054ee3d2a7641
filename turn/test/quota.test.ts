// A user's bandwidth, and the relay's end, on real sockets.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { METHOD } from '../src/core/stun.ts';
import { Relay, type RelayOptions } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { channelAttribute, credential, errorCodeOf, peerAttribute, TurnClient, UDP_TRANSPORT } from './turnClient.ts';

const DRAIN_MS = 600;
/** What a busy machine may be late; a call that had its way would go on for ever. */
const LATE_MS = 2_000;

/** A relay and a client with a channel to a peer. */
async function connected(t: TestContext, options: Partial<RelayOptions>) {
  const relay = new Relay(relayOptions(options));
  const { udp: port } = await relay.start();
  t.after(() => relay.stop());
  const open = async (user: string) => {
    const client = new TurnClient(port, credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600));
    t.after(() => client.close());
    return client.open();
  };
  const peer = createSocket('udp4');
  t.after(() => peer.close());
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const caller = await open('ana');
  const relayed = await caller.allocate();
  const to = peerAttribute({ address: '127.0.0.1', port: peer.address().port });
  await caller.request(METHOD.channelBind, [channelAttribute(0x4000), to]);
  const send = (bytes: number) =>
    caller.sendRaw(Buffer.concat([Buffer.from([0x40, 0, bytes >> 8, bytes & 255]), Buffer.alloc(bytes)]));
  return { relay, caller, open, send, peer, relayed };
}

test('[TURN-10] what a user sends beyond its rate is dropped and counted, requests are not', async (t) => {
  const nowMs = Date.now();
  const { relay, caller, send } = await connected(t, {
    userRates: { bitsPerSecond: 80_000, packetsPerSecond: 1e6 },
    now: () => nowMs,
  });
  for (let n = 0; n < 20; n++) send(1000);
  assert.equal(errorCodeOf(await caller.request(METHOD.refresh, [])), undefined);
  assert.equal(relay.stats.toPeerPackets, 10);
  assert.equal(relay.stats.overQuotaPackets, 10);
});

test('[TURN-10] packets are bounded too, up and down together, however small', async (t) => {
  const nowMs = Date.now();
  const { relay, caller, send, peer, relayed } = await connected(t, {
    userRates: { bitsPerSecond: 1e9, packetsPerSecond: 8 },
    now: () => nowMs,
  });
  for (let n = 0; n < 5; n++) send(1);
  assert.equal(errorCodeOf(await caller.request(METHOD.refresh, [])), undefined);
  assert.deepEqual([relay.stats.toPeerPackets, relay.stats.overQuotaPackets], [5, 0]);
  for (let n = 0; n < 5; n++) {
    const arrived = n < 3 ? caller.next() : undefined;
    peer.send('1', relayed.port, relayed.address);
    await arrived;
  }
  while (relay.stats.overQuotaPackets < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(relay.stats.toClientPackets, 3);
});

test('[TURN-10] the end waits for a call that is running, within its bound, and lets no other begin', async (t) => {
  const { relay, open, send, peer } = await connected(t, { drainMs: DRAIN_MS });
  let lastMs = 0;
  peer.on('message', () => {
    lastMs = performance.now();
  });
  const late = await open('late');
  const talking = setInterval(send, 10, 100);
  t.after(() => clearInterval(talking));
  await once(peer, 'message', { signal: AbortSignal.timeout(3_000) });
  const began = performance.now();
  const stopped = relay.stop();
  assert.equal(errorCodeOf(await late.request(METHOD.allocate, [UDP_TRANSPORT])), 508);
  await stopped;
  const tookMs = performance.now() - began;
  assert.ok(tookMs < DRAIN_MS + LATE_MS, `it ended after ${tookMs} ms`);
  assert.ok(lastMs - began < DRAIN_MS + LATE_MS, `relayed for ${lastMs - began} ms`);
  assert.ok(lastMs - began > 300, `relayed for ${lastMs - began} ms`);
});

test('the end does not wait for allocations that are silent', { timeout: 10_000 }, async (t) => {
  const { relay } = await connected(t, { drainMs: 60_000 });
  await relay.stop();
});
