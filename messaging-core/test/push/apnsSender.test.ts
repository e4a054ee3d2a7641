import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { apnsOutcome, apnsRequest, VOIP_PAYLOAD_BYTES_MAX } from '../../src/push/core/apns.ts';
import { ApnsSender } from '../../src/push/io/apnsSender.ts';
import { startApns } from './apnsStandIn.ts';

const CALL = { urgent: true, expiresAtMs: Date.now() + 60_000 };
const MESSAGE = { urgent: false, expiresAtMs: Date.now() + 24 * 3600_000 };
const target = (service: 'apns' | 'apns-voip') => ({
  service,
  token: randomBytes(32).toString('hex'),
  p256dh: undefined,
  auth: undefined,
});

async function connected(t: TestContext) {
  const clock = { nowMs: Date.now() };
  const apns = await startApns(t, () => clock.nowMs);
  const { service, key, bundle } = apns;
  const sender = await ApnsSender.open({ url: service.url, ca: service.ca, bundle, key, now: () => clock.nowMs });
  t.after(() => sender.close());
  return { apns, service, sender, clock };
}

test('[PUSH-8] [PUSH-9] calls go as VoIP, messages as background pushes, by every rule of APNs', async (t) => {
  const { service, sender } = await connected(t);
  assert.deepEqual(await sender.send(target('apns-voip'), CALL), { type: 'accepted' });
  assert.deepEqual(await sender.send(target('apns'), MESSAGE), { type: 'accepted' });
  assert.deepEqual(service.broken, []);
  const [call, message] = service.received;
  assert.equal(call!.headers['apns-push-type'], 'voip');
  assert.equal(message!.headers['apns-push-type'], 'background');
  assert.ok(call!.body.length <= VOIP_PAYLOAD_BYTES_MAX);
  assert.notEqual(call!.headers['apns-id'], message!.headers['apns-id']);
});

test('[PUSH-4] every device gets the same bytes: no content, no name, no id', async (t) => {
  const { service, sender } = await connected(t);
  for (let n = 0; n < 3; n++) await sender.send(target('apns-voip'), { ...CALL, expiresAtMs: CALL.expiresAtMs + n });
  assert.equal(new Set(service.received.map(({ body }) => body.toString('hex'))).size, 1);
});

test('[PUSH-10] the provider token is kept for 20 minutes at least, and an hour at most', async (t) => {
  const { apns, service, sender, clock } = await connected(t);
  for (let minutes = 0; minutes < 200; minutes += 7) {
    assert.deepEqual(await sender.send(target('apns'), { ...MESSAGE, expiresAtMs: clock.nowMs + 3600_000 }), {
      type: 'accepted',
    });
    clock.nowMs += 7 * 60_000;
  }
  assert.ok(apns.issuedAt.length >= 4);
  assert.deepEqual(service.broken, []);
});

test('[PUSH-10] a provider token that is refused is made anew once, and not within 20 minutes', async (t) => {
  const { apns, service, sender, clock } = await connected(t);
  const refusal = { type: 'answer', status: 403, body: { reason: 'ExpiredProviderToken' } } as const;
  await sender.send(target('apns'), MESSAGE);
  service.faults.push(refusal);
  assert.equal((await sender.send(target('apns'), MESSAGE)).type, 'refused');
  assert.equal(apns.issuedAt.length, 1);
  clock.nowMs += 21 * 60_000;
  service.faults.push(refusal);
  assert.equal((await sender.send(target('apns'), MESSAGE)).type, 'accepted');
  assert.equal(apns.issuedAt.length, 2);
  assert.deepEqual(service.broken, []);
});

test('[PUSH-5] unregistered and bad tokens are told, and one that cannot be a token is not sent', async (t) => {
  const { apns, service, sender } = await connected(t);
  const [gone, bad] = [target('apns-voip'), target('apns')];
  apns.unregistered.add(gone.token);
  apns.bad.add(bad.token);
  assert.deepEqual(await sender.send(gone, CALL), { type: 'token-gone' });
  assert.deepEqual(await sender.send(bad, MESSAGE), { type: 'token-gone' });
  const sent = service.received.length;
  assert.deepEqual(await sender.send({ ...bad, token: '../../3/device/x' }, MESSAGE), { type: 'token-gone' });
  assert.equal(service.received.length, sent);
});

test('[PUSH-6] 429 and 503 are to be tried again, with the pause they wish', async (t) => {
  const { service, sender, clock } = await connected(t);
  const inTwoMinutes = new Date(Math.ceil(clock.nowMs / 1000) * 1000 + 120_000).toUTCString();
  service.faults.push(
    { type: 'answer', status: 429, headers: { 'retry-after': '7' }, body: { reason: 'TooManyRequests' } },
    { type: 'answer', status: 503, headers: { 'retry-after': inTwoMinutes }, body: { reason: 'ServiceUnavailable' } },
    { type: 'answer', status: 500, body: { reason: 'InternalServerError' } },
  );
  assert.deepEqual(await sender.send(target('apns'), MESSAGE), {
    type: 'try-again',
    retryAfterMs: 7_000,
    service: false,
  });
  const unavailable = await sender.send(target('apns'), MESSAGE);
  assert.ok(unavailable.type === 'try-again' && unavailable.service);
  assert.ok(Math.abs(unavailable.retryAfterMs! - 120_000) <= 1_000);
  assert.deepEqual(await sender.send(target('apns'), MESSAGE), {
    type: 'try-again',
    retryAfterMs: undefined,
    service: true,
  });
});

test('[PUSH-11] one connection is used again; after GOAWAY or a cut the unanswered go on a new one', async (t) => {
  const { service, sender } = await connected(t);
  for (let n = 0; n < 5; n++) await sender.send(target('apns'), MESSAGE);
  assert.equal(service.connections, 1);
  for (const type of ['goaway', 'cut'] as const) {
    const before = service.received.length;
    service.faults.push({ type });
    const many = await Promise.all(Array.from({ length: 8 }, () => sender.send(target('apns-voip'), CALL)));
    assert.deepEqual(
      many.map((outcome) => outcome.type),
      Array.from({ length: 8 }, () => 'accepted'),
    );
    const repeated = service.received.slice(before).map(({ headers }) => headers['apns-id']);
    assert.ok(repeated.length > 8, 'unanswered requests came again');
    assert.equal(new Set(repeated).size, 8, 'under the same ids');
  }
  assert.equal(service.connections, 3);
  assert.deepEqual(service.broken, []);
});

test('[PUSH-11] a late answer is waited for; a service that is not there is tried again later', async (t) => {
  const { service, sender } = await connected(t);
  service.faults.push({ type: 'late', ms: 60 });
  assert.deepEqual(await sender.send(target('apns'), MESSAGE), { type: 'accepted' });
  const { pem, keyId, teamId } = (await startApns(t)).key;
  const nowhere = await ApnsSender.open({
    url: 'https://localhost:1',
    bundle: 'b',
    key: { pem, keyId, teamId },
    now: Date.now,
  });
  t.after(() => nowhere.close());
  assert.equal((await nowhere.send(target('apns'), MESSAGE)).type, 'try-again');
  // A stranger's certificate is no push service.
  const distrusting = await ApnsSender.open({
    url: service.url,
    bundle: 'b',
    key: { pem, keyId, teamId },
    now: Date.now,
  });
  t.after(() => distrusting.close());
  assert.equal((await distrusting.send(target('apns'), MESSAGE)).type, 'try-again');
  await assert.rejects(
    ApnsSender.open({ url: service.url, bundle: 'b', key: { pem: 'x', keyId, teamId }, now: Date.now }),
  );
});

test('answers that nobody expects are refusals with a short reason', () => {
  for (const body of ['', 'no json', '{"reason":5}', '[]', '"x"', '{"reason":"<b>"}'])
    assert.deepEqual(apnsOutcome({ status: 400, headers: {}, body }, 0), { type: 'refused', reason: '400 ' });
  assert.equal(apnsRequest({ deviceToken: 'zz', service: 'apns', bundle: 'b', wake: MESSAGE, id: '1' }), undefined);
});
