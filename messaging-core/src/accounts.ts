// The half of the composition that is about accounts and devices: keys and
// tokens, registration, login, linking, and the HTTP endpoints of all that.
import path from 'node:path';
import { ConfigError, type HttpHandler, type Log } from '@carillon/service';
import type { MessagingConfig } from './config.ts';
import type { MessagingStore } from './core/messagingStore.ts';
import type { ShortLived } from './core/shortLived.ts';
import type { Switchboard } from './core/switchboard.ts';
import { DeviceChanges } from './io/deviceChanges.ts';
import { DeviceRequests } from './io/deviceRequests.ts';
import type { EventNotes } from './io/eventNotes.ts';
import { createHttpApi } from './io/httpApi.ts';
import { Links } from './io/links.ts';
import { Logins } from './io/logins.ts';
import { OwnDeviceRequests } from './io/ownDeviceRequests.ts';
import { RateLimits } from './io/rateLimits.ts';
import { Registrations } from './io/registrations.ts';
import { RequestLimits } from './io/requestLimits.ts';
import { Revocations } from './io/revocations.ts';
import { SmsVerifier } from './io/smsVerifier.ts';
import { TokenKeys } from './io/tokenKeys.ts';
import { ConsoleVerifier, FileVerifier, type Verifier } from './io/verifier.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3600_000;
const HOUR_S = 3600;

export interface AccountsOptions {
  readonly config: MessagingConfig;
  readonly log: Log;
  /** The service's own folder. */
  readonly dataDir: string;
  readonly store: MessagingStore;
  readonly shortLived: ShortLived;
  readonly switchboard: Switchboard;
  readonly events: EventNotes;
  /** Default: as configured. */
  readonly verifier: Verifier | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly bodyTimeoutMs: number | undefined;
  readonly linkLookMs: number | undefined;
  readonly revokedLookMs: number | undefined;
}

export interface Accounts {
  readonly tokenKeys: TokenKeys;
  readonly changes: DeviceChanges;
  readonly revocations: Revocations;
  readonly devices: DeviceRequests;
  readonly ownDevices: OwnDeviceRequests;
  readonly requestsPerAddress: RateLimits;
  readonly handleRequest: HttpHandler;
  close(): void;
}

/** @throws Error in words when the signing keys cannot be read */
export async function createAccounts(options: AccountsOptions): Promise<Accounts> {
  const { config, log, store, shortLived, switchboard, events, now } = options;
  const tokenKeys = await TokenKeys.load({
    file: path.join(options.dataDir, 'token-keys.json'),
    shortLived,
    now,
    log,
    announceMs: config.CARILLON_TOKEN_KEY_ANNOUNCE_MINUTES * MINUTE_MS,
    signMs: config.CARILLON_TOKEN_KEY_DAYS * DAY_MS,
  });
  const { revokedLookMs } = options;
  const lookEvery = revokedLookMs === undefined ? {} : { lookEveryMs: revokedLookMs };
  const revocations = new Revocations({ shortLived, now, log, ...lookEvery });
  const changes = new DeviceChanges({ store, switchboard, revocations, events, now, log });
  const links = new Links({
    store,
    shortLived,
    now,
    onLinked: (address) => changes.linked(address),
    ...(options.linkLookMs === undefined ? {} : { lookMs: options.linkLookMs }),
  });
  const lookups = new RequestLimits({
    account: config.CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_ACCOUNT,
    device: config.CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_DEVICE,
    address: config.CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_ADDRESS,
  });
  const fetchesPerHour = config.CARILLON_MESSAGING_PREKEY_FETCHES_PER_HOUR_PER_PEER;
  const fetchesPerPeer = new RateLimits({ perSecond: fetchesPerHour / HOUR_S, burst: fetchesPerHour });
  const perSecond = config.CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS;
  const requestsPerAddress = new RateLimits({ perSecond, burst: perSecond * 10 });
  const linksPerHour = config.CARILLON_MESSAGING_LINKS_PER_HOUR_PER_ADDRESS;

  const handleRequest = createHttpApi({
    registrations: new Registrations({
      store,
      shortLived,
      verifier: options.verifier ?? configuredVerifier(config, now, log),
      now,
      codesPerHourPerHandle: config.CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE,
      codesPerHourPerAddress: config.CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS,
      onRegistered: (registered) => changes.registered(registered),
    }),
    logins: new Logins({ store, shortLived, tokenKeys, now }),
    links,
    tokenKeys,
    revocations,
    requestsPerAddress,
    linksPerAddress: new RateLimits({ perSecond: linksPerHour / HOUR_S, burst: linksPerHour }),
    trustedProxies: config.CARILLON_TRUSTED_PROXIES,
    ...(options.bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs: options.bodyTimeoutMs }),
    now,
  });
  return {
    tokenKeys,
    changes,
    revocations,
    devices: new DeviceRequests({ store, switchboard, tokenKeys, now, lookups, fetchesPerPeer, log }),
    ownDevices: new OwnDeviceRequests({ store, links, changes }),
    requestsPerAddress,
    handleRequest,
    close: () => {
      tokenKeys.close();
      links.close();
      revocations.close();
    },
  };
}

/** The SMS webhook if there is one, else the console; before it the file, if one is configured. @throws ConfigError */
function configuredVerifier(config: MessagingConfig, now: () => number, log: Log): Verifier {
  const { CARILLON_SMS_WEBHOOK_URL: url, CARILLON_SMS_WEBHOOK_SECRET: secret, CARILLON_VERIFIER_FILE: file } = config;
  if ((url === undefined) !== (secret === undefined))
    throw new ConfigError('CARILLON_SMS_WEBHOOK_URL and CARILLON_SMS_WEBHOOK_SECRET go together.');
  const next =
    url === undefined || secret === undefined ? new ConsoleVerifier() : new SmsVerifier({ url, secret, now, log });
  return file === undefined ? next : new FileVerifier(path.resolve(file), next);
}
