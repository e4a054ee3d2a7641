// Waking, through the whole service: sockets in, push services out.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { PushService } from '@carillon/protocol';
import { startProcess } from '../serviceProcess.ts';
import { TestDevice } from '../testDevice.ts';
import { startServer, tempDir } from '../testServer.ts';
import { type ApnsStandIn, startApns } from './apnsStandIn.ts';
import { startWebPush } from './webPushStandIn.ts';

async function apnsEnv(t: TestContext, apns: ApnsStandIn): Promise<Record<string, string>> {
  const dir = await tempDir(t);
  const [key, ca] = [path.join(dir, 'key.p8'), path.join(dir, 'ca.pem')];
  await writeFile(key, apns.key.pem);
  await writeFile(ca, apns.service.ca);
  return {
    CARILLON_APNS_KEY_FILE: key,
    CARILLON_APNS_KEY_ID: apns.key.keyId,
    CARILLON_APNS_TEAM_ID: apns.key.teamId,
    CARILLON_APNS_BUNDLE: apns.bundle,
    CARILLON_APNS_URL: apns.service.url,
    CARILLON_PUSH_CA_FILE: ca,
    CARILLON_MESSAGING_METRICS_PORT: '0',
  };
}

test('[PUSH-1] a call invite to a phone that sleeps is exactly one VoIP push, at once; then the phone fetches it', async (t) => {
  const apns = await startApns(t);
  const server = await startServer(t, await apnsEnv(t, apns));
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const phone = await ben.connect();
  for (const service of [PushService.APNS_VOIP, PushService.APNS]) {
    const token = randomBytes(32).toString('hex');
    await phone.request({ case: 'setPushTarget', value: { service, token } }, 'done');
  }
  const caller = await ana.connect();
  await caller.send(ben.address, { urgent: true, expiresAtMs: Date.now() + 60_000 });
  await phone.delivered(1);
  await phone.ack(phone.deliveries[0]!.seq);
  assert.equal(apns.service.received.length, 0, 'a phone that is there is not pushed to');

  await phone.close();
  const invitedAtMs = Date.now();
  await caller.send(ben.address, { urgent: true, expiresAtMs: invitedAtMs + 60_000 });
  const [push] = await apns.service.requests(1);
  assert.equal(push!.headers['apns-push-type'], 'voip');
  assert.ok(push!.atMs - invitedAtMs < 1_000);
  const awake = await ben.connect();
  assert.equal((await awake.delivered(1))[0]!.urgent, true);
  await awake.ack(awake.deliveries[0]!.seq);

  await awake.close();
  await Promise.all(Array.from({ length: 30 }, () => caller.send(ben.address)));
  const [, message] = await apns.service.requests(2);
  assert.equal(message!.headers['apns-push-type'], 'background');
  await server.close();
  assert.equal(apns.service.received.length, 2, 'one for the call, one for all the messages');
  assert.deepEqual(apns.service.broken, []);
});

test('[PUSH-14] the welcome names the key that browsers subscribe with, and a push with it arrives', async (t) => {
  const web = await startWebPush(t);
  const ca = path.join(await tempDir(t), 'ca.pem');
  await writeFile(ca, web.service.ca);
  const server = await startServer(t, {
    CARILLON_WEB_PUSH_SUBJECT: 'mailto:operator@example.org',
    CARILLON_WEB_PUSH_HOSTS: 'localhost',
    CARILLON_PUSH_CA_FILE: ca,
  });
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const { TestSocket } = await import('../testSocket.ts');
  const browser = await TestSocket.open(server.url);
  const { vapidPublicKey } = await browser.hello(await ben.login());
  const { token, p256dh, auth } = web.subscribe(vapidPublicKey);
  const value = { service: PushService.WEB, token, p256dh: p256dh!, auth: auth! };
  await browser.request({ case: 'setPushTarget', value }, 'done');
  await browser.close();
  const caller = await ana.connect();
  await caller.send(ben.address, { urgent: true, expiresAtMs: Date.now() + 60_000 });
  await web.service.requests(1);
  assert.deepEqual(web.opened, [{ t: 'wake', urgency: 'high' }]);
  assert.deepEqual(web.service.broken, []);
});

test('[EVENT-7] [PUSH-1] killed while a call is being pushed, the service pushes it after its next start', async (t) => {
  const apns = await startApns(t);
  const dataDir = await tempDir(t);
  const env = await apnsEnv(t, apns);
  const first = await startProcess(t, dataDir, env);
  const [ana, ben] = [await TestDevice.register(first, 'ana'), await TestDevice.register(first, 'ben')];
  const phone = await ben.connect();
  const value = { service: PushService.APNS_VOIP, token: randomBytes(32).toString('hex') };
  await phone.request({ case: 'setPushTarget', value }, 'done');
  await phone.close();
  apns.service.faults.push({ type: 'silent' });
  const caller = await ana.connect();
  await caller.send(ben.address, { urgent: true, expiresAtMs: Date.now() + 60_000 });
  await apns.service.requests(1);
  await first.kill('SIGKILL');
  const second = await startProcess(t, dataDir, env);
  const [, again] = await apns.service.requests(2);
  assert.equal(again!.headers['apns-push-type'], 'voip');
  await second.kill('SIGTERM');
  assert.deepEqual(apns.service.broken, []);
});
