import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { knownEndpoint, webPushOutcome } from '../../src/push/core/webPush.ts';
import { loadVapidKeys } from '../../src/push/io/vapidKeys.ts';
import { WebPushSender } from '../../src/push/io/webPushSender.ts';
import { startWebPush } from './webPushStandIn.ts';

async function dirOf(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'carillon-vapid-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function connected(t: TestContext) {
  const clock = { nowMs: Date.now() };
  const web = await startWebPush(t, () => clock.nowMs);
  const keys = await loadVapidKeys(path.join(await dirOf(t), 'key.json'));
  const sender = new WebPushSender({
    keys,
    subject: 'mailto:operator@example.org',
    hosts: ['localhost'],
    ca: web.service.ca,
    now: () => clock.nowMs,
  });
  t.after(() => sender.close());
  const wake = (urgent: boolean) => ({ urgent, expiresAtMs: clock.nowMs + (urgent ? 60_000 : 3600_000) });
  return { web, service: web.service, sender, clock, keys, wake };
}

test('[PUSH-14] [PUSH-16] pushes are signed by VAPID, sealed for the subscription, with TTL and urgency', async (t) => {
  const { web, service, sender, keys, wake } = await connected(t);
  const target = web.subscribe(keys.publicKey);
  assert.deepEqual(await sender.send(target, wake(true)), { type: 'accepted' });
  assert.deepEqual(await sender.send(target, wake(false)), { type: 'accepted' });
  assert.deepEqual(service.broken, []);
  const said = service.received.map(({ headers: { ttl, urgency, topic } }) => ({ ttl, urgency, topic }));
  assert.deepEqual(said, [
    { ttl: '60', urgency: 'high', topic: 'ring' },
    { ttl: '3600', urgency: 'normal', topic: 'wake' },
  ]);
  assert.deepEqual(web.opened, [
    { t: 'wake', urgency: 'high' },
    { t: 'wake', urgency: 'normal' },
  ]);
  assert.equal(service.connections, 1);
});

test('[PUSH-14] the VAPID token is renewed long before its day is over', async (t) => {
  const { web, service, sender, clock, keys, wake } = await connected(t);
  const target = web.subscribe(keys.publicKey);
  for (let hours = 0; hours < 30; hours += 5) {
    assert.deepEqual(await sender.send(target, wake(false)), { type: 'accepted' });
    clock.nowMs += 5 * 3600_000;
  }
  assert.ok(new Set(service.received.map(({ headers }) => headers.authorization)).size >= 3);
  assert.deepEqual(service.broken, []);
});

test('[PUSH-5] a subscription that is gone, or cannot be sealed for, is dropped', async (t) => {
  const { web, service, sender, keys, wake } = await connected(t);
  const target = web.subscribe(keys.publicKey);
  web.gone.add(target.token);
  assert.deepEqual(await sender.send(target, wake(false)), { type: 'token-gone' });
  assert.deepEqual(await sender.send({ ...target, p256dh: randomBytes(65) }, wake(false)), { type: 'token-gone' });
  assert.deepEqual(await sender.send({ ...target, auth: undefined }, wake(false)), { type: 'token-gone' });
  assert.equal(service.received.length, 1);
  assert.deepEqual(webPushOutcome({ status: 404, headers: {}, body: '' }, 0), { type: 'token-gone' });
});

test('[PUSH-6] 429 and 503 are to be tried again; other refusals are not', async (t) => {
  const { web, service, sender, keys, wake } = await connected(t);
  const target = web.subscribe(keys.publicKey);
  service.faults.push(
    { type: 'answer', status: 429, headers: { 'retry-after': '5' } },
    { type: 'answer', status: 503, headers: { 'retry-after': '6' } },
    { type: 'answer', status: 413 },
    { type: 'goaway' },
  );
  const outcomes = [];
  for (let n = 0; n < 4; n++) outcomes.push(await sender.send(target, wake(false)));
  assert.deepEqual(outcomes, [
    { type: 'try-again', retryAfterMs: 5_000, service: false },
    { type: 'try-again', retryAfterMs: 6_000, service: true },
    { type: 'refused', reason: '413' },
    { type: 'accepted' },
  ]);
});

test('[PUSH-17] the server sends nowhere but to known push services, over TLS', async (t) => {
  const { web, service, sender, keys, wake } = await connected(t);
  const target = web.subscribe(keys.publicKey);
  const hosts = ['fcm.googleapis.com', '*.push.example.org', 'localhost'];
  assert.ok(knownEndpoint('https://fcm.googleapis.com/fcm/send/abc', hosts));
  assert.ok(knownEndpoint('https://a.push.example.org/x', hosts));
  for (const bad of [
    'http://fcm.googleapis.com/x',
    'https://fcm.googleapis.com.evil.example/x',
    'https://evil-push.example.org/x',
    'https://push.example.org.evil/x',
    'https://user:pass@fcm.googleapis.com/x',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
    'no url',
    '',
    `https://fcm.googleapis.com/${'x'.repeat(4_000)}`,
  ])
    assert.equal(knownEndpoint(bad, hosts), undefined, bad);
  const elsewhere = target.token.replace('localhost', '127.0.0.1');
  assert.deepEqual(await sender.send({ ...target, token: elsewhere }, wake(false)), { type: 'token-gone' });
  assert.equal(service.received.length, 0);
});

test('[PUSH-14] the key is made once, whole and for the owner only, and read again', async (t) => {
  const dir = await dirOf(t);
  const file = path.join(dir, 'sub', 'key.json');
  const first = await loadVapidKeys(file);
  assert.deepEqual((await loadVapidKeys(file)).publicKey, first.publicKey);
  assert.equal(first.publicKey.length, 65);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(path.dirname(file)), ['key.json']);
  await writeFile(file, '{"kty":"EC"}');
  await assert.rejects(loadVapidKeys(file), /Web Push key .* cannot be read/);
});
