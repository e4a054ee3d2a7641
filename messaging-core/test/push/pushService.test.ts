// Waking devices, from the event to the push service: a real store, a real log,
// and stand-ins for the services.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Address } from '@carillon/protocol';
import { type EventLog, parseConfig, SqliteEventLog, silentLog } from '@carillon/service';
import { z } from 'zod';
import type { PushTarget } from '../../src/core/messagingStore.ts';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { MemorySwitchboard } from '../../src/io/memory/memorySwitchboard.ts';
import { SqliteStore } from '../../src/io/sqliteStore.ts';
import { pushConfigFields } from '../../src/push/config.ts';
import { openPushService, type PushServiceOptions } from '../../src/push/pushService.ts';
import { newMessage, ROOMY, register } from '../storeContract/fixtures.ts';
import { type ApnsStandIn, startApns } from './apnsStandIn.ts';

const CALL_MS = 60_000;

interface System {
  readonly apns: ApnsStandIn;
  readonly store: SqliteStore;
  readonly switchboard: MemorySwitchboard;
  readonly events: EventLog;
  readonly phone: Address;
  readonly voip: PushTarget;
  /** What ended, in order. */
  readonly ends: string[];
  /** Puts an envelope into a queue (the phone's), as the service does for a device that is away. */
  send(urgent: boolean, to?: Address): Promise<void>;
  /** Until so many wake-ups are over. */
  ended(count: number): Promise<void>;
}

async function temp(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'carillon-push-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const configOf = (env: Record<string, string>) => parseConfig(z.object(pushConfigFields), env);
const nothing = { onPush: () => {}, onEnd: () => {} };

async function start(t: TestContext): Promise<System> {
  const dir = await temp(t);
  const apns = await startApns(t);
  const store = new SqliteStore(path.join(dir, 'messaging.db'));
  const switchboard = new MemorySwitchboard(Date.now);
  const events = new SqliteEventLog(path.join(dir, 'events.db'));
  const ends: string[] = [];
  const waiting: (() => void)[] = [];
  await writeFile(path.join(dir, 'key.p8'), apns.key.pem);
  await writeFile(path.join(dir, 'ca.pem'), apns.service.ca);
  const push = await openPushService({
    config: configOf({
      CARILLON_APNS_KEY_FILE: path.join(dir, 'key.p8'),
      CARILLON_APNS_KEY_ID: apns.key.keyId,
      CARILLON_APNS_TEAM_ID: apns.key.teamId,
      CARILLON_APNS_BUNDLE: apns.bundle,
      CARILLON_APNS_URL: apns.service.url,
      CARILLON_PUSH_CA_FILE: path.join(dir, 'ca.pem'),
    }),
    dataDir: dir,
    manyNodes: false,
    events,
    store,
    switchboard,
    shortLived: new MemoryShortLived(Date.now),
    now: Date.now,
    log: silentLog,
    onPush: () => {},
    onEnd: (end, urgent) => {
      ends.push(`${urgent ? 'urgent' : 'ordinary'} ${end}`);
      for (const wake of waiting.splice(0)) wake();
    },
  });
  t.after(async () => {
    await push.close();
    await events.close();
    await store.close();
  });
  const [ana, phone] = [await register(store, 'ana'), await register(store, 'ben')];
  const token = (service: 'apns' | 'apns-voip') => ({
    service,
    token: randomBytes(32).toString('hex'),
    p256dh: undefined,
    auth: undefined,
  });
  const voip = token('apns-voip');
  await store.setPushTarget(phone, 'apns-voip', voip);
  await store.setPushTarget(phone, 'apns', token('apns'));
  return {
    apns,
    store,
    switchboard,
    events,
    phone,
    voip,
    ends,
    send: async (urgent, to = phone) => {
      const nowMs = Date.now();
      const expiresAtMs = nowMs + (urgent ? CALL_MS : 24 * 3600_000);
      await store.enqueue(newMessage(ana, to, { urgent, acceptedAtMs: nowMs, expiresAtMs }), ROOMY);
      await events.append({ type: 'envelope-waiting', ...to, urgent, expiresAtMs }, nowMs);
    },
    ended: async (count) => {
      while (ends.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

test('[PUSH-1] a call for a sleeping phone is one VoIP push, at once', async (t) => {
  const { apns, send, ended, ends } = await start(t);
  const sentAtMs = Date.now();
  await send(true);
  await ended(1);
  assert.deepEqual(ends, ['urgent sent']);
  assert.equal(apns.service.received.length, 1);
  assert.equal(apns.service.received[0]!.headers['apns-push-type'], 'voip');
  assert.ok(Date.now() - sentAtMs < 900, 'it waited for no turn of its own');
  assert.deepEqual(apns.service.broken, []);
});

test('[PUSH-2] a burst of messages for a sleeping phone is one wake-up', async (t) => {
  const { apns, send, ended, ends } = await start(t);
  await Promise.all(Array.from({ length: 50 }, () => send(false)));
  await ended(1);
  assert.deepEqual(ends, ['ordinary sent']);
  assert.deepEqual(
    apns.service.received.map(({ headers }) => headers['apns-push-type']),
    ['background'],
  );
  assert.deepEqual(apns.service.broken, []);
});

test('[PUSH-2] a phone that is there, or has nothing waiting, is not woken', async (t) => {
  const { apns, switchboard, store, events, phone, send, ended, ends } = await start(t);
  const attached = await switchboard.attach(phone, () => {});
  await send(true);
  await ended(1);
  await attached.detach();
  const [envelope] = await store.page(phone, { urgent: true, afterSeq: 0, limit: 1, nowMs: Date.now() });
  await store.acknowledge(phone, [envelope!.seq]);
  await events.append(
    { type: 'envelope-waiting', ...phone, urgent: true, expiresAtMs: Date.now() + CALL_MS },
    Date.now(),
  );
  await ended(2);
  assert.deepEqual(ends, ['urgent unneeded', 'urgent unneeded']);
  assert.equal(apns.service.received.length, 0);
});

test('[PUSH-1] a call that came to a dead connection is pushed when its end is noticed', async (t) => {
  const { apns, switchboard, events, phone, send, ended } = await start(t);
  const attached = await switchboard.attach(phone, () => {});
  await send(true);
  await ended(1);
  assert.equal(apns.service.received.length, 0, 'as far as is known, the phone is there');
  await attached.detach();
  await events.append({ type: 'device-disconnected', ...phone }, Date.now());
  await ended(2);
  assert.equal(apns.service.received[0]!.headers['apns-push-type'], 'voip');
});

test('[PUSH-5] a token that is gone is dropped, unless the phone has another one by then', async (t) => {
  const { apns, store, phone, voip, send, ended } = await start(t);
  apns.unregistered.add(voip.token);
  await send(true);
  await ended(1);
  const services = async () => (await store.pushTargets(phone)).map(({ service }) => service);
  assert.deepEqual(await services(), ['apns']);
  assert.deepEqual(
    apns.service.received.map(({ headers }) => headers['apns-push-type']),
    ['voip', 'background'],
    'the other target is better than none',
  );
  await store.setPushTarget(phone, 'apns-voip', { ...voip, token: randomBytes(32).toString('hex') });
  await store.dropPushTarget(phone, 'apns-voip', voip.token);
  assert.equal((await services()).length, 2);
});

test('[PUSH-6] [PUSH-11] a call gets through 503, lateness and GOAWAY, and is still one push', async (t) => {
  const { apns, send, ended, ends } = await start(t);
  apns.service.faults.push({ type: 'answer', status: 503 }, { type: 'goaway' }, { type: 'late', ms: 100 });
  await send(true);
  await ended(1);
  assert.deepEqual(ends, ['urgent sent']);
  assert.equal(apns.service.received.length, 3);
  const repeats = apns.service.received.slice(1).map(({ headers }) => headers['apns-id']);
  assert.equal(new Set(repeats).size, 1);
});

test('[PUSH-6] a service that asks for a pause is left alone by all devices', async (t) => {
  const { apns, store, send, ended, ends, voip } = await start(t);
  const other = await register(store, 'cem');
  await store.setPushTarget(other, 'apns-voip', { ...voip, token: randomBytes(32).toString('hex') });
  apns.service.faults.push({ type: 'answer', status: 503, headers: { 'retry-after': '1' } });
  await send(true);
  await apns.service.requests(1);
  // Until the answer has been read, another device may still try.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await send(true, other);
  await ended(2);
  const calls = apns.service.received;
  assert.deepEqual(ends, ['urgent sent', 'urgent sent']);
  assert.equal(calls.length, 3);
  for (const { atMs } of calls.slice(1)) assert.ok(atMs - calls[0]!.atMs >= 990);
});

test('[PUSH-7] a call that cannot be pushed before its end is given up', async (t) => {
  const { apns, send, ended, ends } = await start(t);
  apns.service.faults.push({ type: 'answer', status: 503, headers: { 'retry-after': '120' } });
  await send(true);
  await ended(1);
  assert.deepEqual(ends, ['urgent expired']);
  assert.equal(apns.service.received.length, 1);
});

test('[PUSH-19] what is not configured is off; what is configured wrongly is refused in words', async (t) => {
  const dir = await temp(t);
  const events = new SqliteEventLog(':memory:');
  t.after(() => events.close());
  const base = { dataDir: dir, events, manyNodes: false, now: Date.now, log: silentLog, ...nothing };
  // Neither is reached: nothing is read from the log.
  const unused = { store: {}, switchboard: {}, shortLived: {} } as Pick<
    PushServiceOptions,
    'store' | 'switchboard' | 'shortLived'
  >;
  const open = (env: Record<string, string>, over = {}) =>
    openPushService({ ...base, ...unused, ...over, config: configOf(env) });
  const off = await open({});
  assert.equal(off.vapidPublicKey.length, 0);
  await off.close();
  const web = await open({ CARILLON_WEB_PUSH_SUBJECT: 'mailto:a@example.org' });
  assert.equal(web.vapidPublicKey.length, 65);
  await web.close();
  const bad = path.join(dir, 'bad');
  await writeFile(bad, 'x');
  await assert.rejects(open({ CARILLON_APNS_KEY_FILE: bad }), /needs CARILLON_APNS_KEY_ID/);
  const apns = { CARILLON_APNS_KEY_ID: 'ABC123DEFG', CARILLON_APNS_TEAM_ID: 'TEAM456789', CARILLON_APNS_BUNDLE: 'b' };
  await assert.rejects(open({ CARILLON_APNS_KEY_FILE: bad, ...apns }), /holds no P-256 key/);
  await assert.rejects(open({ CARILLON_APNS_KEY_FILE: `${bad}.none`, ...apns }), /cannot be read/);
  await assert.rejects(open({ CARILLON_FCM_SERVICE_ACCOUNT_FILE: bad }), /is not the JSON key/);
  await assert.rejects(
    open({ CARILLON_WEB_PUSH_SUBJECT: 'mailto:a@example.org' }, { manyNodes: true }),
    /one CARILLON_WEB_PUSH_KEY_FILE for all nodes/,
  );
  assert.throws(() => configOf({ CARILLON_WEB_PUSH_SUBJECT: 'nobody' }), /CARILLON_WEB_PUSH_SUBJECT/);
  assert.throws(() => configOf({ CARILLON_APNS_URL: 'http://api.push.apple.com' }), /CARILLON_APNS_URL/);
});
