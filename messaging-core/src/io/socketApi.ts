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
import { FrameServer, type Log, TokenVerifier } from '@carillon/service';
import type { MessagingStore } from '../core/messagingStore.ts';
import { DeviceConnection, type MessagingConnection } from './deviceConnection.ts';
import type { DeviceHub } from './deviceHub.ts';
import type { Requests } from './requests.ts';
import type { TokenKeys } from './tokenKeys.ts';

export interface SocketApiOptions {
  readonly store: MessagingStore;
  readonly hub: DeviceHub;
  readonly requests: Requests;
  readonly tokenKeys: TokenKeys;
  readonly framesPerSecond: number;
  /** Default: as the protocol says. */
  readonly helloTimeoutMs?: number;
  readonly now: () => number;
  readonly log: Log;
}

interface Session {
  readonly address: Address;
  device?: DeviceConnection;
}

export type SocketApi = FrameServer<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema, Session>;

export function createSocketApi(options: SocketApiOptions): SocketApi {
  const { store, hub, requests, tokenKeys, framesPerSecond, now, log } = options;
  const verifier = new TokenVerifier({
    keys: tokenKeys.resolver,
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
  });

  const open = async (connection: MessagingConnection, session: Session) => {
    const device = new DeviceConnection({ address: session.address, connection, store, now, log });
    // In the hub before the device is looked up: a removal in between then cuts this one.
    hub.add(session.address, device);
    session.device = device;
    try {
      const found = await store.device(session.address);
      if (found.type !== 'present') throw new ProtocolError('device-removed');
      setImmediate(() => device.start());
      return {
        body: {
          case: 'welcome' as const,
          value: {
            self: session.address,
            handle: found.handle,
            oneTimePrekeys: found.oneTimePrekeys,
            serverTimeMs: BigInt(now()),
          },
        },
      };
    } catch (error) {
      hub.remove(session.address, device);
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
    log,
    now,
    async authenticate(hello): Promise<Session> {
      const { sub, dev } = await verifier.verify(hello.token, now());
      return { address: { accountId: sub, deviceId: dev } };
    },
    open,
    request: (_connection, session, frame) => requests.answer(session.device!, frame),
    close: (_connection, session) => {
      session.device?.stop();
      if (session.device) hub.remove(session.address, session.device);
    },
  });
}
