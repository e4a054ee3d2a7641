// A real frame server for the socket tests, whose answers each test decides.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Hello,
  type MessagingClientFrame,
  MessagingClientFrameSchema,
  MessagingServerFrameSchema,
} from '@carillon/protocol';
import { type FrameConnection, FrameServer, silentLog } from '@carillon/service';

export type ServerFrame = MessageInitShape<typeof MessagingServerFrameSchema>;
export type Connection = FrameConnection<typeof MessagingServerFrameSchema>;

export interface FrameHostBehaviour {
  authenticate?(hello: Hello): void | Promise<void>;
  request(
    connection: Connection,
    frame: MessagingClientFrame,
  ): ServerFrame | undefined | Promise<ServerFrame | undefined>;
  opened?(connection: Connection): void;
}

export class FrameHost {
  readonly connections: Connection[] = [];
  readonly #behaviour: FrameHostBehaviour;
  #http: Server | undefined;
  #frames: FrameServer<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema, object> | undefined;
  #port = 0;

  constructor(behaviour: FrameHostBehaviour) {
    this.#behaviour = behaviour;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/frames`;
  }

  /** On the same port again after a stop. */
  async start(): Promise<void> {
    this.#frames = new FrameServer({
      path: '/frames',
      clientFrame: MessagingClientFrameSchema,
      serverFrame: MessagingServerFrameSchema,
      frameBytesMax: 64 * 1024,
      rate: { perSecond: 1000, burst: 1000 },
      log: silentLog,
      now: Date.now,
      authenticate: async (hello) => {
        await this.#behaviour.authenticate?.(hello);
        return {};
      },
      open: (connection) => {
        this.connections.push(connection);
        this.#behaviour.opened?.(connection);
        return { body: { case: 'welcome', value: { handle: 'ann' } } };
      },
      request: (connection, _session, frame) => this.#behaviour.request(connection, frame),
    });
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      if (!this.#frames?.handleUpgrade(request, socket, head)) socket.destroy();
    });
    await new Promise<void>((resolve) => http.listen(this.#port, '127.0.0.1', resolve));
    this.#http = http;
    this.#port = (http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await this.#frames?.close(500);
    this.#http?.closeAllConnections();
    await new Promise((resolve) => this.#http?.close(resolve) ?? resolve(undefined));
  }
}
