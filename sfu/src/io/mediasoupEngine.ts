// mediasoup behind the MediaEngine port: worker processes, each with one
// WebRtcServer (one UDP and one TCP port for all its transports), started again
// with a growing pause when they die.

import { ProtocolError } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { createWorker, type types } from 'mediasoup';
import type { MediaEngine, MediaTap, RoomMedia, RoomMediaEvents, WorkerUsage } from './mediaEngine.ts';
import { MediasoupRoom, ROUTER_CODECS } from './mediasoupRoom.ts';

/** First pause before a dead worker is started again; doubles up to the bound, so that a crash loop costs little. */
const RESTART_MS_MIN = 200;
const RESTART_MS_MAX = 30_000;
/** A worker that lived this long starts the pauses from the beginning. */
const STABLE_MS = 60_000;

export interface MediasoupEngineOptions {
  readonly workerBin: string;
  readonly workers: number;
  readonly listenIp: string;
  /** Addresses told to clients instead of listenIp; best first. */
  readonly announced: readonly string[];
  /** Port of worker 0; worker i takes rtcPort + i. 0: free ports. */
  readonly rtcPort: number;
  readonly tap?: MediaTap;
  readonly log: Log;
}

interface RunningWorker {
  readonly worker: types.Worker;
  readonly server: types.WebRtcServer;
  /** Open and opening ones: rooms that open at the same moment must spread too. */
  rooms: number;
}

export class MediasoupEngine implements MediaEngine {
  readonly #options: MediasoupEngineOptions;
  readonly #running = new Map<number, RunningWorker>();
  readonly #restarts = new Map<number, NodeJS.Timeout>();
  #closed = false;

  private constructor(options: MediasoupEngineOptions) {
    this.#options = options;
  }

  /** @throws Error when a worker cannot start: at first start that is a fault of the set-up, not of the moment. */
  static async start(options: MediasoupEngineOptions): Promise<MediasoupEngine> {
    const engine = new MediasoupEngine(options);
    try {
      for (let index = 0; index < options.workers; index++) await engine.#startWorker(index, RESTART_MS_MIN);
    } catch (error) {
      engine.close();
      throw error;
    }
    return engine;
  }

  async openRoom(events: RoomMediaEvents): Promise<RoomMedia> {
    const [least] = [...this.#running.values()].sort((a, b) => a.rooms - b.rooms);
    if (!least) throw new ProtocolError('sfu-unavailable');
    least.rooms++;
    try {
      const router = await least.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
      router.observer.once('close', () => least.rooms--);
      const { announced, tap, log } = this.#options;
      const onBroken = () => {
        log.error('media worker cannot be spoken to; it is ended');
        killWorker(least.worker);
      };
      const room = await MediasoupRoom.open({
        router,
        server: least.server,
        announced,
        events,
        onBroken,
        ...(tap ? { tap } : {}),
      });
      if (router.closed) throw new ProtocolError('sfu-unavailable');
      return room;
    } catch (cause) {
      throw new ProtocolError('sfu-unavailable', { cause });
    }
  }

  problems(): string[] {
    const missing = this.#options.workers - this.#running.size;
    return missing === 0 ? [] : [`${missing} of ${this.#options.workers} media workers are not running`];
  }

  async usage(): Promise<WorkerUsage[]> {
    const all = [...this.#running.values()].map(async ({ worker, rooms }) => {
      const { ru_utime, ru_stime } = await worker.getResourceUsage();
      return { pid: worker.pid, cpuMs: ru_utime + ru_stime, rooms };
    });
    return (await Promise.allSettled(all)).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#restarts.values()) clearTimeout(timer);
    for (const { worker } of this.#running.values()) {
      try {
        worker.close();
      } catch {
        killWorker(worker);
      }
    }
    this.#running.clear();
  }

  async #startWorker(index: number, nextPauseMs: number): Promise<void> {
    const { workerBin, listenIp, announced, rtcPort, log } = this.#options;
    const worker = await createWorker({ workerBin, logLevel: 'error' });
    const startedAtMs = performance.now();
    worker.on('died', () => {
      const wasRunning = this.#running.delete(index);
      if (this.#closed || !wasRunning) return;
      log.warn('media worker died', { worker: index });
      this.#restartLater(index, performance.now() - startedAtMs > STABLE_MS ? RESTART_MS_MIN : nextPauseMs);
    });
    try {
      const address = announced[0];
      const listen = { ip: listenIp, ...(address ? { announcedAddress: address } : {}), ...portOf(rtcPort, index) };
      const server = await worker.createWebRtcServer({
        listenInfos: [
          { protocol: 'udp', ...listen },
          { protocol: 'tcp', ...listen },
        ],
      });
      if (this.#closed) worker.close();
      else this.#running.set(index, { worker, server, rooms: 0 });
    } catch (error) {
      worker.close();
      throw error;
    }
  }

  #restartLater(index: number, pauseMs: number): void {
    const nextPauseMs = Math.min(pauseMs * 2, RESTART_MS_MAX);
    const timer = setTimeout(() => {
      this.#restarts.delete(index);
      this.#startWorker(index, nextPauseMs).then(
        () => this.#options.log.info('media worker started again', { worker: index }),
        (error: unknown) => {
          this.#options.log.warn('media worker does not start', { worker: index, error: String(error) });
          if (!this.#closed) this.#restartLater(index, nextPauseMs);
        },
      );
    }, pauseMs);
    this.#restarts.set(index, timer);
  }
}

/** Its death is then noticed, and mended, like any other. */
function killWorker({ pid }: types.Worker): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function portOf(rtcPort: number, index: number): { port?: number } {
  return rtcPort === 0 ? {} : { port: rtcPort + index };
}
