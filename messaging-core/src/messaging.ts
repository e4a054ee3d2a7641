// The composition root: wires stores, keys, HTTP and sockets into one service.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Log, loggable, type RunningService } from '@carillon/service';
import type { MessagingConfig } from './config.ts';
import type { MessagingStore } from './core/messagingStore.ts';
import { DeviceHub } from './io/deviceHub.ts';
import { createHttpApi } from './io/httpApi.ts';
import { Logins } from './io/logins.ts';
import { RateLimits } from './io/rateLimits.ts';
import { Registrations } from './io/registrations.ts';
import { Requests } from './io/requests.ts';
import { createSocketApi } from './io/socketApi.ts';
import { SqliteStore } from './io/sqliteStore.ts';
import { Sweeper } from './io/sweeper.ts';
import { TokenKeys } from './io/tokenKeys.ts';
import { ConsoleVerifier, FileVerifier, type Verifier } from './io/verifier.ts';

const DAY_MS = 24 * 3600_000;
/** Look-ups of one account: as many contacts as an address book at once, then a few a second. */
const LOOKUPS = { perSecond: 5, burst: 500 };

export interface MessagingOptions {
  readonly config: MessagingConfig;
  readonly log: Log;
  /** Default: the console, and the configured file. */
  readonly verifier?: Verifier;
  /** Default: SQLite in the data folder. Closed with the service. */
  readonly store?: MessagingStore;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Tests only need shorter ones. */
  readonly helloTimeoutMs?: number;
  readonly bodyTimeoutMs?: number;
}

/** @throws Error in words when the data folder cannot be used */
export async function createMessaging(options: MessagingOptions): Promise<RunningService> {
  const { config, log, now = Date.now } = options;
  const dataDir = path.resolve(config.CARILLON_DATA_DIR, 'messaging');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const tokenKeys = await TokenKeys.load(path.join(dataDir, 'token-keys.json'));
  const store = options.store ?? new SqliteStore(path.join(dataDir, 'messaging.db'));
  const ageMaxMs = config.CARILLON_MESSAGING_AGE_DAYS_MAX * DAY_MS;
  const hub = new DeviceHub();
  const perSecond = config.CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS;

  const registrations = new Registrations({
    store,
    verifier: options.verifier ?? configuredVerifier(config),
    now,
    codesPerHourPerHandle: config.CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE,
    codesPerHourPerAddress: config.CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS,
    onRegistered: ({ address, removed }) => {
      log.info('device registered', {
        account: loggable(address.accountId),
        device: address.deviceId,
        replaced: removed.length > 0,
      });
      for (const deviceId of removed) hub.cutRemoved({ accountId: address.accountId, deviceId });
    },
  });
  const handleRequest = createHttpApi({
    registrations,
    logins: new Logins({ store, tokenKeys, now }),
    tokenKeys,
    requestsPerAddress: new RateLimits({ perSecond, burst: perSecond * 10 }),
    trustedProxies: config.CARILLON_TRUSTED_PROXIES,
    ...(options.bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs: options.bodyTimeoutMs }),
    now,
  });
  const requests = new Requests({
    store,
    hub,
    now,
    ageMaxMs,
    queueLimits: {
      messagesMax: config.CARILLON_MESSAGING_QUEUE_MESSAGES_MAX,
      bytesMax: config.CARILLON_MESSAGING_QUEUE_BYTES_MAX,
    },
    lookupsPerAccount: new RateLimits(LOOKUPS),
  });
  const sockets = createSocketApi({
    store,
    hub,
    requests,
    tokenKeys,
    framesPerSecond: config.CARILLON_MESSAGING_FRAMES_PER_SECOND,
    ...(options.helloTimeoutMs === undefined ? {} : { helloTimeoutMs: options.helloTimeoutMs }),
    now,
    log,
  });
  const sweeper = new Sweeper({ store, now, rememberIdsMs: ageMaxMs, log });

  return {
    handleRequest,
    handleUpgrade: (request, socket, head) => sockets.handleUpgrade(request, socket, head),
    problems: () => {
      const problem = store.problem();
      return problem === undefined ? [] : [`The store cannot write: ${problem}`];
    },
    close: async () => {
      sweeper.stop();
      await sockets.close();
      await store.close();
    },
  };
}

function configuredVerifier(config: MessagingConfig): Verifier {
  const toConsole = new ConsoleVerifier();
  const file = config.CARILLON_VERIFIER_FILE;
  return file === undefined ? toConsole : new FileVerifier(path.resolve(file), toConsole);
}
