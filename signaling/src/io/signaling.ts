// The service: the socket, the JWKS of its tickets, and the calls behind them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AccessClaims,
  accessClaimsSchema,
  LIMITS,
  PATHS,
  ProtocolError,
  type QualityReport,
  type SignalingClientFrame,
  SignalingClientFrameSchema,
  SignalingServerFrameSchema,
  TOKEN,
} from '@carillon/protocol';
import { ConfigError, FrameServer, type Log, type RunningService, sendJson, TokenVerifier } from '@carillon/service';
import type { JWTVerifyGetKey } from 'jose';
import type { SignalingConfig } from '../config.ts';
import { openCallEvents } from './callEvents.ts';
import { Calls } from './calls.ts';
import { iceServersFor } from './iceServers.ts';
import { openStore } from './openStore.ts';
import { takeReport } from './qualityReports.ts';
import { readRequest } from './requests.ts';
import { type Connection, Seat, Seats } from './seats.ts';
import { FewestRooms, type SfuNodes, sfuNodeOf } from './sfuNodes.ts';
import { TicketSigner } from './tickets.ts';
import { clockOf } from './timers.ts';

/** Past a caller's burst of candidates to every device of every callee, a socket is abusive and is closed. */
const FRAME_RATE = { perSecond: 200, burst: 1_000 };

export interface SignalingOptions {
  /** Verifies access tokens; by default the JWKS of messaging-core. */
  readonly accessKeys?: JWTVerifyGetKey | URL;
  /** Tests only need removed devices sooner. */
  readonly revocationPollMs?: number;
  /** Tests only need dead nodes noticed sooner. */
  readonly leaseMs?: number;
  readonly nodes?: SfuNodes;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

export async function createSignaling(
  config: SignalingConfig,
  log: Log,
  options: SignalingOptions = {},
): Promise<RunningService> {
  if (config.CARILLON_ICE_TURN_URLS.length > 0 && config.CARILLON_TURN_SECRET === undefined) {
    throw new ConfigError('CARILLON_ICE_TURN_URLS needs CARILLON_TURN_SECRET.');
  }
  const now = options.now ?? Date.now;
  const dataDir = join(config.CARILLON_DATA_DIR, 'signaling');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const tickets = await TicketSigner.open(dataDir);
  const verifier = new TokenVerifier<AccessClaims>({
    keys: options.accessKeys ?? new URL(PATHS.messaging.jwks, config.CARILLON_MESSAGING_URL),
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
    log,
    ...(options.revocationPollMs === undefined ? {} : { pollEveryMs: options.revocationPollMs }),
  });
  const seats = new Seats();
  const events = await openCallEvents({ config, dataDir, liveCalls: () => calls.live, now, log });
  const nodes = options.nodes ?? new FewestRooms(config.CARILLON_SFU_NODES.map(sfuNodeOf));
  const store = await openStore({ config, dataDir, now, log, ownKey: tickets.jwks.keys[0]!, leaseMs: options.leaseMs });
  const calls = await Calls.open({
    store,
    seats,
    nodes,
    bounds: {
      ringMs: config.CARILLON_SIGNALING_RING_SECONDS * 1000,
      reconnectMs: config.CARILLON_SIGNALING_RECONNECT_SECONDS * 1000,
      endedKeptMs: config.CARILLON_SIGNALING_ENDED_SECONDS * 1000,
      participantsMax: LIMITS.callParticipantsMax,
    },
    callsMax: config.CARILLON_SIGNALING_CALLS_MAX,
    createsPerMinute: config.CARILLON_SIGNALING_CREATES_PER_MINUTE,
    outboxBytesMax: config.CARILLON_SIGNALING_OUTBOX_BYTES_MAX,
    clock: clockOf(now),
    log,
    onEnded: events.onEnded,
  });
  const ice = {
    stunUrls: config.CARILLON_ICE_STUN_URLS,
    turnUrls: config.CARILLON_ICE_TURN_URLS,
    turnSecret: config.CARILLON_TURN_SECRET?.[0],
    lifetimeSeconds: config.CARILLON_SIGNALING_TURN_SECONDS,
  };

  async function report(seat: Seat, said: QualityReport) {
    if (!seat.relays.take(now())) throw new ProtocolError('rate-limited', { retryAfterMs: seat.relays.waitMs() });
    const note = await takeReport(store, said, seat.address);
    events.onQuality?.(note);
    return { body: { case: 'done' as const, value: {} } };
  }

  async function request(seat: Seat, frame: SignalingClientFrame) {
    if (frame.body.case === 'qualityReport') return report(seat, frame.body.value);
    const { callId, event } = readRequest(frame, seat.address);
    const ticketed = await calls.apply(callId, event, { seat, requestId: frame.requestId });
    if (!ticketed) return undefined;
    const node = nodes.find(ticketed.node);
    if (!node) throw new ProtocolError('sfu-unavailable');
    const { accountId, deviceId } = seat.address;
    const claims = { sub: accountId, dev: deviceId, room: callId, num: ticketed.number, node: node.id };
    const ticket = await tickets.sign(claims, now());
    return { body: { case: 'room' as const, value: { callId, sfuUrl: node.url, ticket } } };
  }

  const server = new FrameServer({
    path: PATHS.signaling.socket,
    clientFrame: SignalingClientFrameSchema,
    serverFrame: SignalingServerFrameSchema,
    frameBytesMax: LIMITS.signalingFrameBytesMax,
    rate: FRAME_RATE,
    socketsMax: config.CARILLON_SIGNALING_SOCKETS_MAX,
    log,
    now,
    async authenticate({ token }) {
      const { sub, dev } = await verifier.verify(token, now());
      return new Seat({ accountId: sub, deviceId: dev }, store.seatName(), now());
    },
    async open(connection: Connection, seat: Seat) {
      seat.connection = connection;
      const replaced = seats.take(seat);
      if (replaced) calls.lost(replaced);
      await store.claim(seat.address, seat.id);
      const iceServers = iceServersFor(seat.address.accountId, now(), ice);
      return { body: { case: 'welcome' as const, value: { self: seat.address, iceServers } } };
    },
    request: (_, seat: Seat, frame) => request(seat, frame),
    close(_, seat: Seat) {
      if (seats.leave(seat)) calls.lost(seat);
    },
  });

  verifier.onRevoked(() =>
    server.endSessions(
      ({ address }) => verifier.isRevoked({ sub: address.accountId, dev: address.deviceId }),
      new ProtocolError('device-removed'),
    ),
  );

  return {
    handleRequest(message, response, url) {
      if (url.pathname !== PATHS.signaling.jwks || message.method !== 'GET') return false;
      void store.jwks().then((jwks) => sendJson(response, 200, jwks, { 'cache-control': 'public, max-age=60' }));
      return true;
    },
    handleUpgrade: (message, socket, head) => server.handleUpgrade(message, socket, head),
    problems: () => [
      ...(nodes.ids.length === 0 ? ['No SFU node is configured: group calls are not possible.'] : []),
      ...calls.problems(),
    ],
    async close() {
      verifier.close();
      calls.close();
      await server.close();
      await events.close();
      await store.close();
    },
  };
}
