// Wakes sleeping devices: the consumer `push` of the event log, and the services
// it is configured with.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Address, LIMITS } from '@carillon/protocol';
import { ConfigError, EventConsumer, type EventLog, type Log, type RecordedEvent } from '@carillon/service';
import type { MessagingStore, PushServiceName } from '../core/messagingStore.ts';
import type { ShortLived } from '../core/shortLived.ts';
import type { Switchboard } from '../core/switchboard.ts';
import type { PushConfig } from './config.ts';
import type { PushSender } from './core/pushSender.ts';
import { WAKE_RULES, type Wish } from './core/wake.ts';
import { ApnsSender } from './io/apnsSender.ts';
import { FcmSender } from './io/fcmSender.ts';
import { serviceAccountSchema } from './io/googleAccessToken.ts';
import { PushDispatcher, type PushDispatcherOptions } from './io/pushDispatcher.ts';
import { loadVapidKeys } from './io/vapidKeys.ts';
import { WebPushSender } from './io/webPushSender.ts';

export interface PushServiceOptions extends Pick<PushDispatcherOptions, 'onPush' | 'onEnd'> {
  readonly config: PushConfig;
  /** Holds the Web Push key, unless one is configured. */
  readonly dataDir: string;
  /** Several nodes share this system's devices. */
  readonly manyNodes: boolean;
  readonly events: EventLog;
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly shortLived: ShortLived;
  readonly now: () => number;
  readonly log: Log;
}

export interface PushService {
  /** For `welcome`; empty when Web Push is off. */
  readonly vapidPublicKey: Uint8Array;
  close(): Promise<void>;
}

/** @throws ConfigError, or Error in words, when a configured service cannot be set up */
export async function openPushService(options: PushServiceOptions): Promise<PushService> {
  const { config, events, log, ...rest } = options;
  const senders = new Map<PushServiceName, PushSender>();
  const vapidPublicKey = await addSenders(senders, options);
  // Nothing to wake with: the events are not read, and the log keeps its bound by itself.
  if (senders.size === 0) return { vapidPublicKey, close: async () => {} };
  const rules = { ...WAKE_RULES, ordinaryEveryMs: config.CARILLON_PUSH_EVERY_SECONDS * 1000 };
  const dispatcher = new PushDispatcher({ ...rest, senders, rules, log });
  const consumer = new EventConsumer({
    events,
    name: 'push',
    log,
    handle: (recorded) => {
      const wished = wishOf(recorded);
      return wished && dispatcher.wake(wished.address, wished.wish);
    },
  });
  log.info('push', { services: [...senders.keys()].join(' ') });
  return {
    vapidPublicKey,
    close: async () => {
      await consumer.stop();
      await dispatcher.close();
    },
  };
}

/**
 * A connection that ended may have been dead for a while: what was sent to it meanwhile still waits, perhaps a call.
 * The dispatcher looks what does.
 */
function wishOf({ event, atMs }: RecordedEvent): { address: Address; wish: Wish } | undefined {
  switch (event.type) {
    case 'envelope-waiting':
      return { address: event, wish: { urgent: event.urgent, expiresAtMs: event.expiresAtMs, atMs } };
    case 'device-disconnected':
      return { address: event, wish: { urgent: true, expiresAtMs: atMs + LIMITS.ringMs, atMs } };
    default:
      return undefined;
  }
}

async function addSenders(senders: Map<PushServiceName, PushSender>, options: PushServiceOptions): Promise<Uint8Array> {
  const { config, dataDir, manyNodes, now } = options;
  const ca = await contents('CARILLON_PUSH_CA_FILE', config.CARILLON_PUSH_CA_FILE);
  const apns = await apnsSender(config, ca, now);
  if (apns) senders.set('apns', apns).set('apns-voip', apns);
  const account = await contents('CARILLON_FCM_SERVICE_ACCOUNT_FILE', config.CARILLON_FCM_SERVICE_ACCOUNT_FILE);
  if (account !== undefined)
    senders.set('fcm', new FcmSender({ url: config.CARILLON_FCM_URL, account: serviceAccountOf(account), ca, now }));
  const subject = config.CARILLON_WEB_PUSH_SUBJECT;
  if (subject === undefined) return new Uint8Array();
  const keyFile = config.CARILLON_WEB_PUSH_KEY_FILE;
  // A browser's subscription is bound to one key: with a key of its own, each node could wake only its own.
  if (manyNodes && keyFile === undefined)
    throw new ConfigError('With CARILLON_REDIS_URL, Web Push needs one CARILLON_WEB_PUSH_KEY_FILE for all nodes.');
  const keys = await loadVapidKeys(keyFile ?? path.join(dataDir, 'web-push-key.json'));
  senders.set('web', new WebPushSender({ keys, subject, hosts: config.CARILLON_WEB_PUSH_HOSTS, ca, now }));
  return keys.publicKey;
}

async function apnsSender(
  config: PushConfig,
  ca: string | undefined,
  now: () => number,
): Promise<PushSender | undefined> {
  const pem = await contents('CARILLON_APNS_KEY_FILE', config.CARILLON_APNS_KEY_FILE);
  if (pem === undefined) return undefined;
  const {
    CARILLON_APNS_KEY_ID: keyId,
    CARILLON_APNS_TEAM_ID: teamId,
    CARILLON_APNS_BUNDLE: bundle,
    CARILLON_APNS_URL: url,
  } = config;
  if (!keyId || !teamId || !bundle)
    throw new ConfigError('CARILLON_APNS_KEY_FILE needs CARILLON_APNS_KEY_ID, _TEAM_ID and _BUNDLE.');
  try {
    return await ApnsSender.open({ url, bundle, key: { pem, keyId, teamId }, ca, now });
  } catch (cause) {
    throw new ConfigError('CARILLON_APNS_KEY_FILE holds no P-256 key as PKCS #8.', { cause });
  }
}

function serviceAccountOf(text: string) {
  try {
    return serviceAccountSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ConfigError('CARILLON_FCM_SERVICE_ACCOUNT_FILE is not the JSON key of a service account.', { cause });
  }
}

async function contents(name: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${name} cannot be read.`, { cause });
  }
}
