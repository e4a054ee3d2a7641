// Devices sent away from an account, by the primary or by themselves.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type DeviceId, loginProof, PATHS, type RevokedReply } from '@carillon/protocol';
import { post, TestDevice, type TestIdentity } from '../testDevice.ts';
import { startServer } from '../testServer.ts';
import { TestSocket } from '../testSocket.ts';

async function family(t: TestContext) {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const second = await TestDevice.link(ana);
  const third = await TestDevice.link(ana, [second]);
  const list = (revision: number, ...others: TestDevice[]) =>
    ana.identity.deviceList(
      ana.accountId,
      revision,
      others.map(({ identity }) => identity),
    );
  return { server, ana, second, third, list };
}
const remove = (socket: TestSocket, deviceId: number, deviceList?: ReturnType<TestIdentity['deviceList']>) =>
  socket.request({ case: 'removeDevice', value: { deviceId, ...(deviceList ? { deviceList } : {}) } }, 'ownDevices');
async function refusedHello(url: string, token: string): Promise<string> {
  const socket = await TestSocket.open(url);
  socket.sendFrame({ requestId: 1, body: { case: 'hello', value: { token, version: 1 } } });
  return (await socket.closed).reason;
}

test('[AUTH-14] the primary removes a device: cut at once, its mail and keys gone, and never let in again', async (t) => {
  const { server, ana, second, third, list } = await family(t);
  const ben = await TestDevice.register(server, 'ben');
  const fromBen = await ben.connect();
  const token = await third.login();
  const [asPrimary, asSecond, asThird] = [await ana.connect(), await second.connect(), await third.connect()];
  const own = await remove(asPrimary, third.deviceId, list(3, second));
  assert.deepEqual(
    own.devices.map(({ deviceId }) => deviceId),
    [ana.deviceId, second.deviceId],
  );
  assert.equal(own.deviceList!.revision, 3);
  assert.deepEqual(await asThird.closed, { code: 4410, reason: 'device-removed' });
  assert.equal((await asSecond.next('ownDevices')).devices.length, 2);
  assert.equal(await refusedHello(server.url, token), 'device-removed');
  await assert.rejects(third.login(), { code: 'device-removed' });
  const bundles = await fromBen.request({ case: 'fetchBundles', value: { accountId: ana.accountId } }, 'bundles');
  assert.equal(bundles.devices.length, 2);
  assert.equal(bundles.deviceList!.identityKeys.length, 2);
  await assert.rejects(fromBen.send(third.address), { message: 'stale-devices' });
  const next = await TestDevice.link(ana, [second], 4);
  assert.equal(next.deviceId, third.deviceId + 1, 'device ids are never used again');
});

test('[AUTH-12] removed and replaced devices are listed while their tokens may run; unchanged lists are not sent again', async (t) => {
  const { server, ana, second, third, list } = await family(t);
  const url = server.url + PATHS.messaging.revoked;
  const first = await fetch(url);
  assert.deepEqual(await first.json(), { devices: [] });
  await remove(await ana.connect(), third.deviceId, list(3, second));
  const etag = first.headers.get('etag')!;
  const after = await fetch(url, { headers: { 'if-none-match': etag } });
  assert.equal(after.status, 200);
  assert.deepEqual((await after.json()) as RevokedReply, { devices: [third.address] });
  const same = await fetch(url, { headers: { 'if-none-match': after.headers.get('etag')! } });
  assert.equal(same.status, 304);
  await TestDevice.register(server, 'ana');
  const replaced = (await (await fetch(url)).json()) as RevokedReply;
  assert.deepEqual(replaced.devices, [ana.address, second.address, third.address]);
  server.clock.aheadMs = 12 * 60_000;
  assert.deepEqual(await (await fetch(url)).json(), { devices: [] });
});

test('[AUTH-14] a linked device leaves by itself; it may send nobody else away', async (t) => {
  const { ana, second, third, list } = await family(t);
  const [asPrimary, asSecond, asThird] = [await ana.connect(), await second.connect(), await third.connect()];
  await assert.rejects(remove(asSecond, third.deviceId, list(3, second)), { message: 'not-primary' });
  await assert.rejects(remove(asSecond, ana.deviceId), { message: 'not-primary' });
  await assert.rejects(remove(asSecond, second.deviceId, list(3, third)), { message: 'invalid-request' });
  asThird.sendFrame({ requestId: 77, body: { case: 'removeDevice', value: { deviceId: third.deviceId } } });
  assert.equal((await asThird.closed).reason, 'device-removed');
  assert.equal((await asPrimary.next('ownDevices')).devices.length, 2);
  // The list still names it; the next one the primary signs does not.
  const fourth = await TestDevice.link(ana, [second], 3);
  assert.equal(fourth.deviceId, 4);
  await assert.rejects(third.login(), { code: 'device-removed' });
});

test('[AUTH-14] a removal whose list does not stand, of nobody, or of the primary itself, changes nothing', async (t) => {
  const { server, ana, second, third, list } = await family(t);
  const asPrimary = await ana.connect();
  const stranger = await TestDevice.register(server, 'ben');
  const refusals: [number, ReturnType<TestIdentity['deviceList']> | undefined, string][] = [
    [third.deviceId, undefined, 'device-list-invalid'],
    [third.deviceId, list(2, second), 'device-list-invalid'],
    [third.deviceId, list(3, second, third), 'device-list-invalid'],
    [third.deviceId, list(3), 'device-list-invalid'],
    [third.deviceId, second.identity.deviceList(ana.accountId, 3, [ana.identity]), 'device-list-invalid'],
    [third.deviceId, ana.identity.deviceList(stranger.accountId, 3, [second.identity]), 'device-list-invalid'],
    [ana.deviceId, second.identity.deviceList(ana.accountId, 3, [third.identity]), 'device-list-invalid'],
    [99, list(3, second), 'device-unknown'],
    [0, list(3, second), 'invalid-request'],
  ];
  for (const [deviceId, deviceList, code] of refusals)
    await assert.rejects(remove(asPrimary, deviceId, deviceList), { message: code });
  const own = await asPrimary.request({ case: 'listDevices', value: {} }, 'ownDevices');
  assert.equal(own.devices.length, 3);
  assert.equal(own.deviceList!.revision, 2);
});

test('[AUTH-15] registering anew leaves one device, which is the primary, and no list', async (t) => {
  const { server, second } = await family(t);
  const socket = await second.connect();
  const again = await TestDevice.register(server, 'ana');
  assert.equal((await socket.closed).reason, 'device-removed');
  const own = await (await again.connect()).request({ case: 'listDevices', value: {} }, 'ownDevices');
  assert.equal(own.devices.length, 1);
  assert.equal(own.deviceList, undefined);
  await TestDevice.link(again);
});

test('[AUTH-6] the challenge of one device is of no use to another of the same account', async (t) => {
  const { server, second, third } = await family(t);
  const { challenge } = await post<{ challenge: string }>(server.url + PATHS.messaging.challenges, second.address);
  const signature = third.identity.sign(loginProof(challenge));
  const login = (address: object) => post(server.url + PATHS.messaging.tokens, { ...address, challenge, signature });
  await assert.rejects(login(third.address), { code: 'token-invalid' });
  await assert.rejects(login(second.address), { code: 'signature-invalid' });
  await assert.rejects(login({ ...second.address, deviceId: 99 as DeviceId }), { code: 'token-invalid' });
});
