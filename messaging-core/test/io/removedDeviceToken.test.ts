import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type { Address, DeviceId } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { DeviceRequests } from '../../src/io/deviceRequests.ts';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { MemorySwitchboard } from '../../src/io/memory/memorySwitchboard.ts';
import { RateLimits } from '../../src/io/rateLimits.ts';
import { RequestLimits } from '../../src/io/requestLimits.ts';
import { SqliteStore } from '../../src/io/sqliteStore.ts';
import { TokenKeys } from '../../src/io/tokenKeys.ts';
import { deviceList, link, NOW, newDevice, register } from '../storeContract/fixtures.ts';
import { tempDir } from '../testServer.ts';

test('[AUTH-3] a device that was removed gets no new token over a socket that has not heard of it yet', async (t) => {
  const dir = await tempDir(t);
  const store = new SqliteStore(path.join(dir, 'messaging.db'));
  const now = () => NOW;
  const tokenKeys = await TokenKeys.load({
    file: path.join(dir, 'keys'),
    shortLived: new MemoryShortLived(now),
    now,
    log: silentLog,
    announceMs: 600_000,
    signMs: 86_400_000,
  });
  t.after(async () => {
    tokenKeys.close();
    await store.close();
  });
  const requests = new DeviceRequests({
    store,
    tokenKeys,
    now,
    switchboard: new MemorySwitchboard(now),
    lookups: new RequestLimits({ account: 1, device: 1, address: 1 }),
    fetchesPerPeer: new RateLimits({ perSecond: 1, burst: 1 }),
    log: silentLog,
  });
  const tokenFor = async (address: Address) => (await requests.refreshToken({ address })).body?.case;
  const primary = newDevice();
  const ana = await register(store, 'ana', primary);
  const linked = await link(store, ana, primary);
  for (const address of [ana, linked]) assert.equal(await tokenFor(address), 'accessToken');

  await store.removeDevice(linked, deviceList(2, primary));
  await assert.rejects(tokenFor(linked), { code: 'device-removed' });
  await assert.rejects(tokenFor({ ...ana, deviceId: 99 as DeviceId }), { code: 'device-unknown' });
  // Whoever signs up again replaces all devices there were.
  const again = await register(store, 'ana');
  await assert.rejects(tokenFor(ana), { code: 'device-removed' });
  assert.equal(await tokenFor(again), 'accessToken');
});
