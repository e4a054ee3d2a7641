// The WebSocket half: hello with an access token of ours, then requests and
// deliveries.
import {
  type Address,
  accessClaimsSchema,
  LIMITS,
  MessagingClientFrameSchema,
  MessagingServerFrameSchema,
  PATHS,
  ProtocolError,
  TOKEN,
} from '@carillon/protocol';
import { FrameServer, type HeartbeatBounds, type Log, TokenVerifier } from '@carillon/service';
import type { MessagingStore } from '../core/messagingStore.ts';
import type { Switchboard } from '../core/switchboard.ts';
import type { DeviceChanges } from './deviceChanges.ts';
import { DeviceConnection, type MessagingConnection } from './deviceConnection.ts';
import type { EventNotes } from './eventNotes.ts';
import { privacyOnWire } from './presenceRequests.ts';
import type { RateLimits } from './rateLimits.ts';
import { remoteAddress } from './remoteAddress.ts';
import type { Requests } from './requests.ts';
import type { TokenKeys } from './tokenKeys.ts';

export interface SocketApiOptions {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly requests: Requests;
  readonly events: EventNotes;
  /** Ends of connections that are being told: to be waited for before the store is closed. */
  readonly endings: Set<Promise<void>>;
  readonly tokenKeys: TokenKeys;
  readonly changes: DeviceChanges;
  /** Sockets count as requests: each costs a signature check and a look at the store. */
  readonly requestsPerAddress: RateLimits;
  readonly trustedProxies: readonly string[];
  readonly framesPerSecond: number;
  /** Empty: no Web Push. */
  readonly vapidPublicKey: Uint8Array;
  /** Default: as the protocol says. */
  readonly helloTimeoutMs?: number;
  readonly heartbeat?: HeartbeatBounds;
  readonly urgentProbeMs?: number | undefined;
  readonly now: () => number;
  readonly log: Log;
}

interface Session {
  readonly address: Address;
  device?: DeviceConnection;
}

export type SocketApi = FrameServer<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema, Session>;

export function createSocketApi(options: SocketApiOptions): SocketApi {
  const { store, switchboard, requests, events, tokenKeys, changes, framesPerSecond, now, log } = options;
  const home = { store, changes, now, log, urgentProbeMs: options.urgentProbeMs };
  const verifier = new TokenVerifier({
    keys: tokenKeys.resolver,
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
    // A device says hello once for long: remembered tokens would cost more than its socket.
    rememberMax: 1_000,
  });

  const ended = (device: DeviceConnection) => {
    requests.ended(device);
    events.note({ type: 'device-disconnected', ...device.address });
    const ending = device.end().catch((error: unknown) => {
      log.error('the end of a connection could not be told', {
        error: error instanceof Error ? error.message : String(error),
      });
    });
    options.endings.add(ending);
    void ending.then(() => options.endings.delete(ending));
  };

  const welcome = async ({ heartbeatMs }: MessagingConnection, address: Address) => {
    const [found, account, privacy] = await Promise.all([
      store.device(address),
      store.accountById(address.accountId),
      store.privacy(address.accountId),
    ]);
    if (found.type !== 'present' || !account) throw new ProtocolError('device-removed');
    return {
      self: address,
      handle: found.handle,
      oneTimePrekeys: found.oneTimePrekeys,
      kemPrekeys: found.kemPrekeys,
      serverTimeMs: BigInt(now()),
      deviceIds: [...account.deviceIds],
      heartbeatMs,
      privacy: privacyOnWire(privacy),
      vapidPublicKey: options.vapidPublicKey,
    };
  };

  const open = async (connection: MessagingConnection, session: Session) => {
    const device = new DeviceConnection(session.address, connection, home);
    // Attached before the device is looked up: a removal in between then cuts this one.
    device.attached(await switchboard.attach(session.address, (signal) => device.onSignal(signal)));
    session.device = device;
    events.note({ type: 'device-connected', ...session.address });
    try {
      const value = await welcome(connection, session.address);
      setImmediate(() => device.start());
      return { body: { case: 'welcome' as const, value } };
    } catch (error) {
      ended(device);
      throw error;
    }
  };

  return new FrameServer({
    path: PATHS.messaging.socket,
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    frameBytesMax: LIMITS.messagingFrameBytesMax,
    rate: { perSecond: framesPerSecond, burst: framesPerSecond * 5 },
    ...(options.helloTimeoutMs === undefined ? {} : { helloTimeoutMs: options.helloTimeoutMs }),
    ...(options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat }),
    log,
    now,
    remoteAddress: (request) => {
      const address = remoteAddress(request, options.trustedProxies);
      options.requestsPerAddress.take(address, now());
      return address;
    },
    async authenticate(hello): Promise<Session> {
      const { sub, dev } = await verifier.verify(hello.token, now());
      return { address: { accountId: sub, deviceId: dev } };
    },
    open,
    request: (_connection, session, frame) => requests.answer(session.device!, frame),
    close: (_connection, session) => {
      if (session.device) ended(session.device);
    },
  });
}
