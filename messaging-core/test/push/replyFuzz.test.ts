// What a push service answers is bytes from outside: whatever they are, they
// become one of the outcomes, and nothing of them reaches the log but a code.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { apnsOutcome } from '../../src/push/core/apns.ts';
import { fcmOutcome } from '../../src/push/core/fcm.ts';
import type { PushOutcome } from '../../src/push/core/pushSender.ts';
import { webPushOutcome } from '../../src/push/core/webPush.ts';
import { ApnsSender } from '../../src/push/io/apnsSender.ts';
import { FcmSender } from '../../src/push/io/fcmSender.ts';
import { type Answer, StandIn } from './standIn.ts';

/** A seed that failed may be given to run it again. */
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? randomInt(2 ** 31));
const NOW_MS = 1_800_000_000_000;
const WAKE = { urgent: true, expiresAtMs: NOW_MS + 60_000 };

const word = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.constantFrom('Unregistered', 'UNREGISTERED', 'ExpiredProviderToken', 'TooManyRequests', 'a b\nc', '__proto__'),
);
const json = fc.oneof(
  fc.jsonValue(),
  fc.record({ reason: fc.oneof(word, fc.jsonValue()) }),
  fc.record({
    error: fc.record({ status: word, details: fc.array(fc.oneof(fc.record({ errorCode: word }), fc.jsonValue())) }),
  }),
  fc.record({ access_token: fc.oneof(word, fc.jsonValue()), expires_in: fc.oneof(fc.double(), fc.jsonValue()) }),
);
const status = fc.oneof(
  fc.integer({ min: 200, max: 599 }),
  fc.constantFrom(200, 400, 401, 403, 404, 410, 429, 500, 503),
);
const retryAfter = fc.oneof(
  fc.constant(undefined),
  fc.nat({ max: 2 ** 40 }).map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.string({ maxLength: 60 }),
);

function isSound(outcome: PushOutcome | { readonly type: 'credentials' }): void {
  switch (outcome.type) {
    case 'accepted':
    case 'token-gone':
    case 'credentials':
      assert.deepEqual(Object.keys(outcome), ['type']);
      return;
    case 'try-again':
      assert.ok(outcome.retryAfterMs === undefined || (outcome.retryAfterMs >= 0 && outcome.retryAfterMs < Infinity));
      return;
    case 'refused':
      assert.match(outcome.reason, /^(\d{1,3}( \w{0,64})?|the (provider|access) token is not accepted)$/);
      return;
    default:
      outcome satisfies never;
      assert.fail(JSON.stringify(outcome));
  }
}

test(`every reply is one of the outcomes (CARILLON_FUZZ_SEED=${SEED})`, () => {
  const bodies = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.string({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(fc.oneof(status, fc.nat({ max: 999 })), bodies, retryAfter, (code, body, after) => {
      const reply = { status: code, headers: { 'retry-after': after }, body };
      for (const outcomeOf of [apnsOutcome, fcmOutcome, webPushOutcome]) isSound(outcomeOf(reply, NOW_MS));
    }),
    { seed: SEED, numRuns: 3_000 },
  );
});

test(`over the wire nothing of it throws, and a good answer afterwards is one (CARILLON_FUZZ_SEED=${SEED})`, async (t) => {
  let answer: Answer = { status: 200 };
  const service = await StandIn.start(t, () => answer);
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const clock = { nowMs: NOW_MS };
  const common = { url: service.url, ca: service.ca, now: () => clock.nowMs };
  const key = { pem: pem as string, keyId: 'ABC123DEFG', teamId: 'TEAM456789' };
  const account = {
    ...{ type: 'service_account' as const, project_id: 'a-project', private_key_id: 'k', private_key: rsa as string },
    ...{ client_email: 'push@example.org', token_uri: `${service.url}/token` },
  };
  const apns = await ApnsSender.open({ ...common, bundle: 'org.example.carillon', key });
  const fcm = new FcmSender({ ...common, account });
  t.after(() => Promise.all([apns.close(), fcm.close()]));
  const device = { token: randomBytes(32).toString('hex'), p256dh: undefined, auth: undefined };
  const send = async () => {
    // An access token that came once is kept for as long as it says.
    clock.nowMs += 24 * 3600_000;
    return [
      await apns.send({ service: 'apns-voip', ...device }, { ...WAKE, expiresAtMs: clock.nowMs + 60_000 }),
      await fcm.send({ service: 'fcm', ...device }, { ...WAKE, expiresAtMs: clock.nowMs + 60_000 }),
    ];
  };
  await fc.assert(
    fc.asyncProperty(status, json, fc.nat({ max: 2 ** 31 }), async (code, body, seconds) => {
      answer = { status: code, headers: { 'retry-after': String(seconds) }, body };
      for (const outcome of await send()) isSound(outcome);
    }),
    { seed: SEED, numRuns: 60 },
  );
  answer = { status: 200, body: { access_token: 'good', expires_in: 3600 } };
  assert.deepEqual(await send(), [{ type: 'accepted' }, { type: 'accepted' }]);
});
