// A device that was removed from its account while it is connected here.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type AccountId, ERRORS, PATHS, PROTOCOL_VERSION } from '@carillon/protocol';
import { accessJwks, accessToken, Device, Harness, newId } from './harness.ts';

test('[AUTH-12] a removed device is cut while it is connected, and its token opens no socket any more', async (t) => {
  const devices: { accountId: AccountId; deviceId: number }[] = [];
  const messaging = createServer((request, response) =>
    response.end(JSON.stringify(request.url === PATHS.messaging.jwks ? accessJwks : { devices })),
  );
  await new Promise<void>((resolve) => messaging.listen(0, '127.0.0.1', resolve));
  const harness = new Harness();
  t.after(async () => {
    await harness.end();
    messaging.closeAllConnections();
    messaging.close();
  });
  const accessKeys = new URL(`http://127.0.0.1:${(messaging.address() as AddressInfo).port}${PATHS.messaging.jwks}`);
  await harness.start({}, { accessKeys, revocationPollMs: 20 });

  const accountId = newId<AccountId>();
  const [removed, stays] = [await harness.device(accountId, 2), await harness.device(accountId, 1)];
  devices.push({ accountId, deviceId: 2 });
  assert.deepEqual(await removed.closed, { code: ERRORS['device-removed'].close, reason: 'device-removed' });
  const again = new Device(harness.url, accountId, removed.deviceId);
  harness.devices.push(again);
  await new Promise((resolve) => again.socket.once('open', resolve));
  again.send({ case: 'hello', value: { token: await accessToken(accountId, 2), version: PROTOCOL_VERSION } });
  assert.equal((await again.closed).reason, 'device-removed');
  assert.equal(stays.socket.readyState, stays.socket.OPEN);
});
