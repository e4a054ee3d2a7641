// Two clocks: credentials end by that of the world, all else goes by one that nobody sets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, silentLog } from '@carillon/service';
import { CLASS, METHOD } from '../src/core/stun.ts';
import { Relay, turnConfig } from '../src/index.ts';
import { configuredOptions } from '../src/io/configuredOptions.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { credential, errorCodeOf, TurnClient, UDP_TRANSPORT } from './turnClient.ts';

const HOUR_MS = 3_600_000;

test('[TURN-35] a clock that is set ends credentials, and no allocation', async (t) => {
  const began = Date.now();
  let unixMs = began;
  const relay = new Relay(relayOptions({ now: () => 5, unixNow: () => unixMs }));
  const { udp } = await relay.start();
  t.after(() => relay.stop());
  const open = async (user: string, expiresAtMs: number) => {
    const client = await new TurnClient(udp, credential(SECRET, user, Math.floor(expiresAtMs / 1000))).open();
    t.after(() => client.close());
    return client;
  };
  const ana = await open('ana', began + HOUR_MS);
  await ana.allocate();
  unixMs += 2 * HOUR_MS;
  assert.equal((await ana.request(METHOD.refresh, [])).class, CLASS.success);
  assert.equal(relay.stats.allocations, 1);
  const late = await open('bea', began + HOUR_MS);
  assert.equal(errorCodeOf(await late.request(METHOD.allocate, [UDP_TRANSPORT])), 401);
  unixMs = began - HOUR_MS;
  await (await open('bea', began)).allocate();
});

test('[TURN-35] a relay as it is configured has them', () => {
  const config = parseConfig(turnConfig, { CARILLON_TURN_SECRET: SECRET, CARILLON_TURN_LISTEN: '127.0.0.1' });
  const { now, unixNow } = configuredOptions(config, silentLog);
  assert.ok(Math.abs(now() - performance.now()) < 1_000);
  assert.ok(Math.abs(unixNow() - Date.now()) < 1_000);
});
