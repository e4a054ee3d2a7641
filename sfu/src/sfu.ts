// The composition root: tickets, sockets, rooms and the media engine.
import {
  LIMITS,
  PATHS,
  ProtocolError,
  type RoomClaims,
  roomClaimsSchema,
  SfuClientFrameSchema,
  SfuServerFrameSchema,
  TOKEN,
} from '@carillon/protocol';
import { ConfigError, FrameServer, type Log, type RunningService, sendJson, TokenVerifier } from '@carillon/service';
import type { JWTVerifyGetKey } from 'jose';
import { locateWorker } from '../worker/locate.ts';
import type { SfuConfig } from './config.ts';
import type { Participant } from './core/roomTypes.ts';
import { memberFrame, producerFrame } from './io/frames.ts';
import { Link } from './io/link.ts';
import type { MediaTap } from './io/mediaEngine.ts';
import { MediasoupEngine } from './io/mediasoupEngine.ts';
import { fileTap } from './io/mediasoupTap.ts';
import { answer } from './io/requests.ts';
import type { RoomRunner } from './io/roomRunner.ts';
import { Rooms } from './io/rooms.ts';
import { isLocalCaller, type SfuStats, STATS_PATH } from './io/stats.ts';

/**
 * A member that joins a room of eight asks some 40 requests at once: two for
 * each producer, and its own. Higher lets a broken client burn the worker.
 */
const REQUEST_RATE = { perSecond: 50, burst: 300 };
/** Longer keeps routers of ended calls, shorter opens a new one for members who all reconnect. */
const EMPTY_GRACE_MS = 10_000;

export interface SfuOptions {
  readonly config: SfuConfig;
  readonly log: Log;
  /** Keys of room tickets; by default signaling's JWKS. */
  readonly keys?: JWTVerifyGetKey;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** For tests: sees every forwarded payload. Not a setting, so that no operator turns it on. */
  readonly tap?: MediaTap;
  readonly emptyGraceMs?: number;
}

interface Session {
  readonly claims: RoomClaims;
  joined?: { readonly room: RoomRunner; readonly link: Link };
}

/** @throws Error in plain words when there is no worker or it does not start. */
export async function createSfu(options: SfuOptions): Promise<RunningService> {
  const { config, log, now = Date.now, keys, emptyGraceMs = EMPTY_GRACE_MS } = options;
  const tickets = new TokenVerifier({
    keys: keys ?? new URL(PATHS.signaling.jwks, config.CARILLON_SIGNALING_URL),
    issuer: TOKEN.issuer.signaling,
    audience: TOKEN.audience.room,
    claims: roomClaimsSchema,
    invalid: 'ticket-invalid',
    expired: 'ticket-expired',
  });
  const file = config.CARILLON_SFU_TAP_FILE
    ? fileTap(config.CARILLON_SFU_TAP_FILE, config.CARILLON_SFU_TAP_BYTES_MAX)
    : undefined;
  const engine = await startEngine(config, log, options.tap ?? file?.tap);
  const rooms = new Rooms({
    engine,
    log,
    roomsMax: config.CARILLON_SFU_ROOMS_MAX,
    membersMax: config.CARILLON_SFU_ROOM_MEMBERS_MAX,
    emptyGraceMs,
  });
  const frames = new FrameServer<typeof SfuClientFrameSchema, typeof SfuServerFrameSchema, Session>({
    path: PATHS.sfu.socket,
    clientFrame: SfuClientFrameSchema,
    serverFrame: SfuServerFrameSchema,
    frameBytesMax: LIMITS.sfuFrameBytesMax,
    rate: REQUEST_RATE,
    log,
    now,
    authenticate: async ({ token }) => {
      const claims = await tickets.verify(token, now());
      if (claims.node !== config.CARILLON_SFU_NODE) throw new ProtocolError('ticket-invalid');
      return { claims };
    },
    open: async (connection, session) => {
      const { claims } = session;
      const room = await rooms.enter(claims.room);
      const link = new Link(connection);
      const self: Participant = { number: claims.num, accountId: claims.sub, deviceId: claims.dev };
      room.join(link, self);
      session.joined = { room, link };
      const { members, producers } = room.view(link.id);
      return {
        body: {
          case: 'welcome',
          value: {
            self: memberFrame(self),
            routerRtpCapabilitiesJson: JSON.stringify(room.rtpCapabilities),
            members: members.map(memberFrame),
            producers: producers.map(producerFrame),
          },
        },
      };
    },
    request: async (_connection, { joined }, frame) => {
      if (!joined || joined.room.isClosed) throw new ProtocolError('sfu-unavailable');
      return { body: await answer(joined.room, joined.link.id, frame) };
    },
    close: (_connection, { joined }) => joined?.room.leave(joined.link.id),
  });

  const stats = async (): Promise<SfuStats> => {
    const workers = await engine.usage();
    const { user, system } = process.cpuUsage();
    return { rooms: rooms.size, members: rooms.memberCount, processCpuMs: (user + system) / 1000, workers };
  };

  return {
    handleUpgrade: (request, socket, head) => frames.handleUpgrade(request, socket, head),
    handleRequest: async (request, response, url) => {
      if (url.pathname !== STATS_PATH || !isLocalCaller(request)) return false;
      sendJson(response, 200, await stats());
      return true;
    },
    problems: () => engine.problems(),
    close: async () => {
      await frames.close();
      rooms.close();
      engine.close();
      file?.close();
    },
  };
}

function startEngine(config: SfuConfig, log: Log, tap: MediaTap | undefined): Promise<MediasoupEngine> {
  const worker = locateWorker();
  if (!worker) {
    throw new ConfigError(
      'There is no mediasoup worker that runs on this machine. Get one by: node sfu/worker/install.ts',
    );
  }
  return MediasoupEngine.start({
    workerBin: worker.path,
    workers: config.CARILLON_SFU_WORKERS,
    listenIp: config.CARILLON_SFU_LISTEN_IP,
    announced: config.CARILLON_SFU_ANNOUNCED,
    rtcPort: config.CARILLON_SFU_RTC_PORT,
    log,
    ...(tap ? { tap } : {}),
  });
}
