import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fcmOutcome } from '../../src/push/core/fcm.ts';
import { FcmSender } from '../../src/push/io/fcmSender.ts';
import { startFcm } from './fcmStandIn.ts';

const MINUTE_MS = 60_000;
const target = (token = 'device-token') => ({ service: 'fcm' as const, token, p256dh: undefined, auth: undefined });

async function connected(t: TestContext) {
  const clock = { nowMs: Date.now() };
  const fcm = await startFcm(t, () => clock.nowMs);
  const { service, account } = fcm;
  const sender = new FcmSender({ url: service.url, ca: service.ca, account, now: () => clock.nowMs });
  t.after(() => sender.close());
  const wake = (urgent: boolean) => ({ urgent, expiresAtMs: clock.nowMs + (urgent ? MINUTE_MS : 3600_000) });
  return { fcm, service, sender, clock, wake };
}

test('[PUSH-12] calls are data messages of high priority that live for no time, others normal ones', async (t) => {
  const { fcm, service, sender, wake } = await connected(t);
  assert.deepEqual(await sender.send(target(), wake(true)), { type: 'accepted' });
  assert.deepEqual(await sender.send(target(), wake(false)), { type: 'accepted' });
  assert.deepEqual(service.broken, []);
  const messages = fcm.sent().map(({ body }) => JSON.parse(body.toString('utf8')).message);
  assert.deepEqual(messages[0].android, { priority: 'HIGH', ttl: '0s' });
  assert.deepEqual(messages[1].android, { priority: 'NORMAL', ttl: '3600s', collapse_key: 'wake' });
  assert.deepEqual(messages[0].data, { t: 'wake', urgency: 'high' });
});

test('[PUSH-13] the access token is fetched once for many, renewed before its end, and anew when refused', async (t) => {
  const { fcm, service, sender, clock, wake } = await connected(t);
  const fetched = () => service.received.filter(({ path }) => path === '/token').length;
  await Promise.all(Array.from({ length: 20 }, () => sender.send(target(), wake(false))));
  assert.equal(fetched(), 1);
  clock.nowMs += 56 * MINUTE_MS;
  assert.deepEqual(await sender.send(target(), wake(false)), { type: 'accepted' }, 'the old one serves meanwhile');
  const used = () => fcm.sent().at(-1)!.headers.authorization;
  const old = used();
  while (used() === old) assert.deepEqual(await sender.send(target(), wake(false)), { type: 'accepted' });
  assert.equal(fetched(), 2);
  fcm.accessTokens.clear();
  assert.deepEqual(await sender.send(target(), wake(false)), { type: 'accepted' });
  assert.equal(fetched(), 3);
  clock.nowMs += 70 * MINUTE_MS;
  assert.deepEqual(await sender.send(target(), wake(true)), { type: 'accepted' }, 'none is sent with one that is over');
  assert.deepEqual(service.broken, []);
});

test('[PUSH-13] without an access token a push is tried again later, and a service that takes none is told of', async (t) => {
  const { service, sender, wake } = await connected(t);
  service.faults.push({ type: 'answer', status: 500 });
  assert.deepEqual(await sender.send(target(), wake(false)), {
    type: 'try-again',
    retryAfterMs: undefined,
    service: false,
  });
  await sender.send(target(), wake(false));
  // This push, the token request that follows, and its repeat.
  service.faults.push({ type: 'answer', status: 401 }, { type: 'late', ms: 0 }, { type: 'answer', status: 401 });
  assert.deepEqual(await sender.send(target(), wake(false)), {
    type: 'refused',
    reason: 'the access token is not accepted',
  });
  assert.deepEqual(service.broken, []);
});

test('[PUSH-5] UNREGISTERED drops the token', async (t) => {
  const { fcm, sender, wake } = await connected(t);
  fcm.unregistered.add('old');
  assert.deepEqual(await sender.send(target('old'), wake(false)), { type: 'token-gone' });
  assert.deepEqual(await sender.send(target(''), wake(false)), { type: 'token-gone' });
  const details = [{ '@type': 'other' }, { errorCode: 'UNREGISTERED' }];
  const body = JSON.stringify({ error: { status: 'INVALID_ARGUMENT', details } });
  assert.deepEqual(fcmOutcome({ status: 400, headers: {}, body }, 0), { type: 'token-gone' });
});

test('[PUSH-6] 429 and 503 are honoured with their Retry-After; a quota without one costs a minute', async (t) => {
  const { service, sender, wake } = await connected(t);
  await sender.send(target(), wake(false));
  service.faults.push(
    { type: 'answer', status: 429, headers: { 'retry-after': '30' } },
    { type: 'answer', status: 429, body: { error: { status: 'RESOURCE_EXHAUSTED' } } },
    { type: 'answer', status: 503 },
    { type: 'answer', status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } },
  );
  const outcomes = [];
  for (let n = 0; n < 4; n++) outcomes.push(await sender.send(target(), wake(false)));
  assert.deepEqual(outcomes, [
    { type: 'try-again', retryAfterMs: 30_000, service: true },
    { type: 'try-again', retryAfterMs: 60_000, service: true },
    { type: 'try-again', retryAfterMs: undefined, service: true },
    { type: 'refused', reason: '400 INVALID_ARGUMENT' },
  ]);
});

test('[PUSH-11] after GOAWAY in the middle the push goes on a new connection', async (t) => {
  const { service, sender, wake } = await connected(t);
  await sender.send(target(), wake(false));
  const before = service.connections;
  service.faults.push({ type: 'goaway' });
  assert.deepEqual(await sender.send(target(), wake(true)), { type: 'accepted' });
  assert.equal(service.connections, before + 1);
});
