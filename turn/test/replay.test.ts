// What was right once, sent again: by somebody else, or too late.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ATTRIBUTE, attributeOf, CLASS, METHOD } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { credential, errorCodeOf, TurnClient, UDP_TRANSPORT, uint32 } from './turnClient.ts';

const MINUTE_MS = 60_000;
const RELEASE = { type: ATTRIBUTE.lifetime, value: uint32(0) };
const HOUR = { type: ATTRIBUTE.lifetime, value: uint32(3600) };

/** A relay whose clock is set by the test, and clients with a credential that lasts so long. */
async function relayWithClock(t: TestContext) {
  const clock = { nowMs: Date.now() };
  const relay = new Relay(relayOptions({ now: () => clock.nowMs }));
  const { udp: port } = await relay.start();
  t.after(() => relay.stop());
  const client = async (minutes: number, address?: string) => {
    const as = credential(SECRET, 'ana', Math.floor((clock.nowMs + minutes * MINUTE_MS) / 1000));
    const made = await new TurnClient(port, as).open(address);
    t.after(() => made.close());
    return made;
  };
  return { relay, clock, client };
}

test('[TURN-3] requests that were captured are nothing to another port or address', async (t) => {
  const { relay, client } = await relayWithClock(t);
  const ana = await client(600);
  await ana.allocate();
  const allocate = ana.build(METHOD.allocate, [UDP_TRANSPORT]);
  const release = ana.build(METHOD.refresh, [RELEASE]);
  for (const thief of [await client(600), await client(600, '127.0.0.2')]) {
    assert.equal(errorCodeOf(await thief.exchange(allocate)), 438);
    assert.equal(errorCodeOf(await thief.exchange(release)), 438);
  }
  assert.equal(relay.stats.allocations, 1);
  assert.equal((await ana.request(METHOD.refresh, [])).class, CLASS.success);
});

test('[TURN-3] a nonce of more than an hour is told 438, and with the new one the client goes on', async (t) => {
  const { clock, client } = await relayWithClock(t);
  const ana = await client(600);
  await ana.allocate(HOUR);
  for (let minutes = 0; minutes < 60; minutes += 30) {
    clock.nowMs += 30 * MINUTE_MS - 1_000;
    assert.equal((await ana.exchange(ana.build(METHOD.refresh, [HOUR]))).class, CLASS.success);
  }
  clock.nowMs += 2 * MINUTE_MS;
  const stale = await ana.exchange(ana.build(METHOD.refresh, [HOUR]));
  assert.equal(errorCodeOf(stale), 438);
  assert.equal(attributeOf(stale, ATTRIBUTE.realm)?.toString(), 'test');
  ana.challenge('test', attributeOf(stale, ATTRIBUTE.nonce)!);
  assert.equal((await ana.exchange(ana.build(METHOD.refresh, [HOUR]))).class, CLASS.success);
});

test('[TURN-2] an Allocate that was captured is refused when its credential has ended', async (t) => {
  const { clock, client } = await relayWithClock(t);
  const ana = await client(10);
  await ana.allocate();
  const allocate = ana.build(METHOD.allocate, [UDP_TRANSPORT]);
  await ana.request(METHOD.refresh, [RELEASE]);
  assert.equal((await ana.exchange(allocate)).class, CLASS.success, 'while it lasts it is a request like another');
  await ana.request(METHOD.refresh, [RELEASE]);
  clock.nowMs += 11 * MINUTE_MS;
  assert.equal(errorCodeOf(await ana.exchange(allocate)), 401);
});
