// The composition root: wires stores, keys, HTTP and sockets into one service.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { addressKey, ProtocolError } from '@carillon/protocol';
import type { EventLog, HeartbeatBounds, Log, RunningService } from '@carillon/service';
import { createAccounts } from './accounts.ts';
import type { MessagingConfig } from './config.ts';
import { openConsumers } from './consumers.ts';
import type { MessagingStore } from './core/messagingStore.ts';
import { openEngines } from './engines.ts';
import { createRequests } from './io/createRequests.ts';
import { EventNotes } from './io/eventNotes.ts';
import { createSocketApi } from './io/socketApi.ts';
import { Sweeper } from './io/sweeper.ts';
import type { Verifier } from './io/verifier.ts';

const DAY_MS = 24 * 3600_000;

export interface MessagingOptions {
  readonly config: MessagingConfig;
  readonly log: Log;
  /** Default: the console, and the configured file. */
  readonly verifier?: Verifier | undefined;
  /** Default: Redis if configured, else SQLite in the data folder. Closed with the service. */
  readonly store?: MessagingStore;
  /** Default: as configured (consumers.ts). */
  readonly events?: EventLog;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Tests only need shorter ones. */
  readonly helloTimeoutMs?: number;
  readonly bodyTimeoutMs?: number;
  readonly linkLookMs?: number;
  readonly revokedLookMs?: number;
  readonly heartbeat?: HeartbeatBounds;
  readonly urgentProbeMs?: number;
}

/** @throws Error in words when the data folder cannot be used */
export async function createMessaging(options: MessagingOptions): Promise<RunningService> {
  const { config, log, now = Date.now } = options;
  const dataDir = path.resolve(config.CARILLON_DATA_DIR, 'messaging');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const engines = await openEngines({ config, store: options.store, dataDir, now, log });
  const { store, switchboard, shortLived } = engines;
  const ageMaxMs = config.CARILLON_MESSAGING_AGE_DAYS_MAX * DAY_MS;
  const connectedDevices = (): number => sockets.size;
  const consumers = await openConsumers({ config, dataDir, engines, connectedDevices, now, log });
  const events = new EventNotes({ events: options.events ?? consumers.events, now, log });
  const accounts = await createAccounts({
    config,
    log,
    dataDir,
    store,
    shortLived,
    switchboard,
    events,
    verifier: options.verifier,
    now,
    bodyTimeoutMs: options.bodyTimeoutMs,
    linkLookMs: options.linkLookMs,
    revokedLookMs: options.revokedLookMs,
  });
  const { requests, fanOut } = createRequests({
    config,
    webPushHosts: config.CARILLON_WEB_PUSH_HOSTS,
    store,
    switchboard,
    devices: accounts.devices,
    ownDevices: accounts.ownDevices,
    events,
    node: engines.node,
    ageMaxMs,
    now,
    log,
  });
  const endings = new Set<Promise<void>>();
  const sockets = createSocketApi({
    store,
    switchboard,
    requests,
    events,
    endings,
    vapidPublicKey: consumers.vapidPublicKey,
    tokenKeys: accounts.tokenKeys,
    changes: accounts.changes,
    requestsPerAddress: accounts.requestsPerAddress,
    trustedProxies: config.CARILLON_TRUSTED_PROXIES,
    framesPerSecond: config.CARILLON_MESSAGING_FRAMES_PER_SECOND,
    ...(options.helloTimeoutMs === undefined ? {} : { helloTimeoutMs: options.helloTimeoutMs }),
    ...(options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat }),
    urgentProbeMs: options.urgentProbeMs,
    now,
    log,
  });
  accounts.revocations.onRevoked((revoked) => {
    sockets.endSessions(({ address }) => revoked.has(addressKey(address)), new ProtocolError('device-removed'));
  });
  const sweeper = new Sweeper({ store, now, rememberIdsMs: ageMaxMs, log });

  return {
    handleRequest: accounts.handleRequest,
    handleUpgrade: (request, socket, head) => sockets.handleUpgrade(request, socket, head),
    problems: () => engines.problems(),
    close: async () => {
      sweeper.stop();
      accounts.close();
      await sockets.close();
      await Promise.all(endings);
      await fanOut.stop();
      events.close();
      await consumers.close();
      await engines.close();
    },
  };
}
