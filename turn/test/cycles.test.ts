// Allocations that come and go. CARILLON_TURN_CYCLES=100000 for a long run.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ATTRIBUTE, METHOD } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { channelAttribute, credential, errorCodeOf, peerAttribute, TurnClient, uint32 } from './turnClient.ts';

const CYCLES = Number(process.env.CARILLON_TURN_CYCLES ?? 400);
const CLIENTS = 8;
/** The collector's leftovers, and what the engine learns of the code. */
const GROWTH_BYTES_MAX = 6 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('[TURN-8] after so many allocations, permissions and channels nothing is left', {
  timeout: 3_600_000,
}, async (t) => {
  let clockMs = Date.now();
  const relay = new Relay(
    relayOptions({ now: () => clockMs, unprovenPerSecond: 1e6, allocationsPerUserMax: CLIENTS * 2 }),
  );
  t.after(() => relay.stop());
  const { udp: port } = await relay.start();
  const far = Math.floor(Date.now() / 1000) + 86_400;
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => new TurnClient(port, credential(SECRET, `cycles${n}`, far)).open()),
  );
  t.after(() => {
    for (const client of clients) client.close();
  });
  const peer = peerAttribute({ address: '127.0.0.1', port: 9 });
  const cycle = async (client: TurnClient) => {
    await client.allocate();
    await client.request(METHOD.channelBind, [channelAttribute(0x4000), peer]);
    const released = await client.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
    assert.equal(errorCodeOf(released), undefined);
  };
  const look = () => {
    collect();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss, descriptors: readdirSync('/proc/self/fd').length };
  };
  const each = async (cycles: number) => {
    await Promise.all(
      clients.map(async (client) => {
        for (let n = 0; n < cycles / CLIENTS; n++) await cycle(client);
      }),
    );
    assert.equal(relay.stats.allocations, 0);
  };
  await each(CYCLES / 4);
  const before = look();
  await each((CYCLES * 3) / 4);
  const after = look();
  const growth = after.heapUsed - before.heapUsed;
  t.diagnostic(
    `${relay.stats.allocatedTotal} allocations: heap ${(growth / 1024).toFixed(0)} KiB, RSS ${((after.rss - before.rss) / 1024).toFixed(0)} KiB, ${after.descriptors - before.descriptors} descriptors more`,
  );
  assert.ok(growth < GROWTH_BYTES_MAX, `${growth} bytes more`);
  assert.ok(after.descriptors <= before.descriptors, `${after.descriptors} descriptors, ${before.descriptors} before`);
  // A second later all users are at rest, and the sweep forgets them.
  clockMs += 10_000;
  const deadline = Date.now() + 10_000;
  while (relay.stats.users > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(relay.stats.users, 0);
});
