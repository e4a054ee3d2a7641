// The one port people know: the web app's files, and each service behind its
// path prefix. It terminates TLS and proxies; it reads nothing of what it carries.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { ProtocolError } from '@carillon/protocol';
import { type Log, sendFailure } from '@carillon/service';
import { createProxyServer } from 'httpxy';
import sirv from 'sirv';

export interface FrontDoorOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM; plain HTTP without. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Folder of the built web app. */
  readonly webDir: string;
  /** First path segment to the base URL of its service, asked at each request. */
  readonly route: (segment: string) => string | undefined;
  readonly log: Log;
}

export interface FrontDoor {
  readonly port: number;
  close(): Promise<void>;
}

// Only our own origin; camera, microphone and screen for ourselves.
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: data:; connect-src 'self' ws: wss: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self)',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
};

export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const { route, log } = options;
  // A slow upload may take hours: no timeout of the proxy's own.
  const proxy = createProxyServer({ xfwd: true, proxyTimeout: 0 });
  proxy.on('error', (error, _request, response) => {
    log.warn('a service did not answer', { error: error.message });
    if (response && 'writeHead' in response)
      sendFailure(response as ServerResponse, new ProtocolError('shutting-down', { retryAfterMs: 1000 }));
    else response?.destroy();
  });
  const files = sirv(options.webDir, {
    single: true,
    dev: false,
    etag: true,
    gzip: true,
    brotli: true,
    setHeaders: setFileHeaders,
  });
  const target = (request: IncomingMessage) => route((request.url ?? '/').split(/[/?]/, 2)[1] ?? '');

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const to = target(request);
    if (to !== undefined) {
      proxy.web(request, response, { target: to }).catch(() => response.destroy());
      return;
    }
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    files(request, response, () => sendFailure(response, new ProtocolError('not-found')));
  };
  const server = options.tls
    ? createTlsServer({ cert: options.tls.certificate, key: options.tls.key, requestTimeout: 0 }, onRequest)
    : createServer({ requestTimeout: 0 }, onRequest);
  // A peer that goes away mid-request is no error of ours.
  server.on('clientError', (_error, socket) => socket.destroy());
  const upgraded = new Set<Socket>();
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    const to = target(request);
    if (!to) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    else proxy.ws(request, socket, { target: to }, head).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of upgraded) socket.destroy();
        server.closeAllConnections();
      }),
  };
}

function setFileHeaders(response: ServerResponse, file: string): void {
  // Vite names what may be kept for ever by its content; the page itself is asked for each time.
  response.setHeader('cache-control', file.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
}

/** Reads a PEM pair. @throws Error in words when a file cannot be read */
export function readTls(certificateFile: string, keyFile: string): { certificate: string; key: string } {
  const read = (file: string) => {
    try {
      return readFileSync(path.resolve(file), 'utf8');
    } catch (cause) {
      throw new Error(`Cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
  return { certificate: read(certificateFile), key: read(keyFile) };
}
