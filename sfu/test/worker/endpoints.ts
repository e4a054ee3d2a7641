// Plain RTP endpoints and packets for the worker's verification.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { createWorker, type types } from 'mediasoup';
import { locateWorker } from '../../worker/locate.ts';

const worker = locateWorker();
/** For node:test's `skip`. */
export const noWorker = worker ? false : 'no mediasoup worker runs here: node sfu/worker/install.ts';

export const H264_PARAMETERS = {
  'packetization-mode': 1,
  'profile-level-id': '42e01f',
  'level-asymmetry-allowed': 1,
};
export const mediaCodecs: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
  { kind: 'video', mimeType: 'video/H264', clockRate: 90_000, parameters: H264_PARAMETERS },
];
export const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;
/** Generous: other work may share the processor. */
const DEADLINE_MS = 20_000;

export interface Bench {
  worker(): Promise<types.Worker>;
  router(): Promise<types.Router>;
  udp(): Promise<Endpoint>;
  close(): void;
}

/** Everything a test opens, closed by one call; a worker's death fails it. */
export function createBench(): Bench {
  const workers: types.Worker[] = [];
  const endpoints: Endpoint[] = [];
  const bench: Bench = {
    worker: async () => {
      const started = await createWorker({ workerBin: worker!.path, logLevel: 'none' });
      workers.push(started);
      return started;
    },
    router: async () => (await bench.worker()).createRouter({ mediaCodecs }),
    udp: async () => {
      const endpoint = new Endpoint();
      endpoints.push(endpoint);
      await endpoint.ready;
      return endpoint;
    },
    close: () => {
      const died = workers.filter((each) => each.died).length;
      for (const each of workers) each.close();
      for (const each of endpoints) each.close();
      if (died > 0) throw new Error(`${died} workers died`);
    },
  };
  return bench;
}

/** Runs a test with a bench of its own. */
export function benched(run: (bench: Bench) => Promise<void>): () => Promise<void> {
  return async () => {
    const bench = createBench();
    try {
      await run(bench);
    } finally {
      bench.close();
    }
  };
}

/** A UDP socket that keeps the RTP packets it got. */
export class Endpoint {
  readonly ready: Promise<unknown>;
  readonly packets: Buffer[] = [];
  readonly #socket: Socket;

  constructor() {
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
    this.ready = once(this.#socket.bind(0, '127.0.0.1'), 'listening');
    this.#socket.on('message', (packet) => {
      if (isRtp(packet)) this.packets.push(packet);
    });
  }

  get address(): { ip: string; port: number } {
    return { ip: '127.0.0.1', port: this.#socket.address().port };
  }

  /** Sends in small bursts, so that no socket buffer overflows. */
  async send(port: number, packets: readonly Buffer[]): Promise<void> {
    for (const [index, packet] of packets.entries()) {
      await new Promise<void>((resolve) => this.#socket.send(packet, port, '127.0.0.1', () => resolve()));
      if (index % 10 === 9) await turn();
    }
  }

  /** Resolves as soon as this many RTP packets are there. */
  received(count: number): Promise<Buffer[]> {
    return until(`${count} packets`, () => (this.packets.length >= count ? this.packets : undefined), this.#socket);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Looks again at each event of the source. */
export async function until<T>(
  what: string,
  probe: () => T | undefined,
  source: { on(event: 'message', listener: () => void): unknown; off(event: 'message', listener: () => void): unknown },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      source.off('message', look);
      reject(new Error(`${what} did not arrive`));
    }, DEADLINE_MS);
    const look = () => {
      const found = probe();
      if (found === undefined) return;
      clearTimeout(timer);
      source.off('message', look);
      resolve(found);
    };
    source.on('message', look);
    look();
  });
}

const LEVEL_EXTENSION_ID = 10;

/** RFC 3550 §5.1, with the audio level of RFC 6464 in a one-byte header extension (RFC 8285). */
export function rtpPacket(options: {
  sequence: number;
  ssrc: number;
  payload: Buffer;
  payloadType?: number;
  /** In -dBov. */
  level?: number;
}): Buffer {
  const { sequence, ssrc, payload, payloadType = 111, level = 20 } = options;
  const header = Buffer.alloc(20);
  header[0] = 0x90;
  header[1] = payloadType;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE((sequence * 960) >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  header.writeUInt16BE(0xbede, 12);
  header.writeUInt16BE(1, 14);
  header[16] = LEVEL_EXTENSION_ID << 4;
  header[17] = 0x80 | level;
  return Buffer.concat([header, payload]);
}

export function opusParameters(ssrc: number): types.RtpParameters {
  return {
    codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 111, parameters: {} }],
    headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: LEVEL_EXTENSION_ID }],
    encodings: [{ ssrc }],
    rtcp: { cname: `c${ssrc}` },
  };
}

/** RFC 5761 §4: packet types 192 to 223 are RTCP. */
function isRtp(packet: Buffer): boolean {
  return packet[1]! < 192 || packet[1]! > 223;
}
