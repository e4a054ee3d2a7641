// A service as its own process: `--help`, configuration, one HTTP listener,
// health, and an end that is bounded. Started by the gateway it tells its
// parent over IPC when it is ready and ends when the parent is gone.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type HealthReply, ProtocolError } from '@carillon/protocol';
import type { z } from 'zod';
import { ConfigError, describeConfig, parseConfig } from './config.ts';
import { type HttpHandler, requestUrl, sendFailure, sendJson } from './http.ts';
import { createLog, type Log } from './log.ts';

export interface RunningService {
  /** Answers a request, or returns false to let it be `not-found`. */
  handleRequest?: HttpHandler;
  handleUpgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** What is wrong at the moment, in words; empty when all is well. */
  problems(): string[] | Promise<string[]>;
  /** Drains and frees everything, within its own bound. */
  close(): Promise<void>;
}

export interface ServiceDefinition<Shape extends z.ZodRawShape> {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  readonly config: z.ZodObject<Shape>;
  /** Path of the health check, on the service's listener. */
  readonly healthPath: string;
  listenOn(config: z.infer<z.ZodObject<Shape>>): { host: string; port: number };
  start(config: z.infer<z.ZodObject<Shape>>, log: Log): Promise<RunningService>;
}

/** What a service tells its parent process. */
export type ServiceMessage =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly words: string };

export interface ListeningService {
  readonly port: number;
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** Puts a running service behind an HTTP listener: what main does, and what tests use. */
export async function listen(
  service: RunningService,
  options: { name: string; healthPath: string; host: string; port: number; log: Log },
): Promise<ListeningService> {
  const server = createServer({ requestTimeout: 0, headersTimeout: 15_000 });
  server.on('request', (request, response) => {
    void (async () => {
      try {
        const url = requestUrl(request);
        if (url.pathname === options.healthPath) {
          const problems = await service.problems();
          const body: HealthReply = { service: options.name, ok: problems.length === 0, problems };
          sendJson(response, body.ok ? 200 : 503, body);
        } else if (!(await service.handleRequest?.(request, response, url))) {
          throw new ProtocolError('not-found');
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) {
          options.log.error('request failed', {
            error: error instanceof Error ? (error.stack ?? error.message) : String(error),
          });
        }
        sendFailure(
          response,
          error instanceof ProtocolError ? error : new ProtocolError('internal-error', { cause: error }),
        );
        // What is left of a refused body is not read: the connection ends with the answer.
        if (!request.complete) response.once('finish', () => request.destroy());
      }
    })();
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    try {
      if (service.handleUpgrade?.(request, socket, head)) return;
    } catch (error) {
      if (!(error instanceof ProtocolError)) options.log.error('upgrade failed', { error: String(error) });
    }
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: async () => {
      const stopped = stopListening(server);
      await service.close();
      server.closeAllConnections();
      await stopped;
    },
  };
}

function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Runs the service in this process until it is told to stop. Called by each `src/main.ts`. */
export async function runService<Shape extends z.ZodRawShape>(definition: ServiceDefinition<Shape>): Promise<void> {
  const { name, summary, healthPath } = definition;
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(
      `${name}: ${summary}\n\nConfiguration, by environment variables:\n${describeConfig(definition.config)}`,
    );
    return;
  }
  const log = createLog(name, { json: process.env.CARILLON_LOG === 'json' });
  const tellParent = (message: ServiceMessage) => process.send?.(message);
  try {
    const config = parseConfig(definition.config, process.env);
    const running = await definition.start(config, log);
    const listening = await listen(running, { name, healthPath, log, ...definition.listenOn(config) });
    log.info('ready', { port: listening.port });
    tellParent({ type: 'ready', port: listening.port });
    endWhenTold(listening, log);
  } catch (error) {
    const words =
      error instanceof ConfigError
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    log.error('cannot start', { error: words });
    tellParent({ type: 'failed', words: error instanceof Error ? error.message : words });
    process.exitCode = 1;
    process.disconnect?.();
  }
}

function endWhenTold(listening: ListeningService, log: Log): void {
  let ending = false;
  const end = (why: string) => {
    if (ending) return;
    ending = true;
    log.info('stopping', { why });
    // The bound: whatever hangs, the process ends.
    setTimeout(() => process.exit(1), 10_000).unref();
    listening.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('did not stop cleanly', { error: String(error) });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => {
    // Ctrl-C reaches the whole process group; with a parent, the parent decides.
    if (!process.connected) end('SIGINT');
  });
  if (process.send) process.on('disconnect', () => end('parent gone'));
}
