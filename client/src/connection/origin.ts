import { ProtocolError } from '@carillon/protocol';

/**
 * Where a path of the services is, given their origin: `http(s)://host:port`,
 * optionally with a path prefix. Some paths are the server's answers: it must not
 * send this device, with its tokens and files, to another host.
 * @throws ProtocolError `malformed-frame` on what leaves the origin
 */
export function httpUrl(baseUrl: string, path: string): string {
  const url = `${baseUrl.replace(/\/+$/, '')}${path}`;
  if (!path.startsWith('/') || !isWithin(baseUrl, url)) {
    throw new ProtocolError('malformed-frame', { words: 'The server named a place that is not its own.' });
  }
  return url;
}

/** Whether the URL is at the origin of the services. */
export function isWithin(baseUrl: string, url: string): boolean {
  return URL.parse(url)?.origin === URL.parse(baseUrl)?.origin;
}

/** The same for a WebSocket: http becomes ws, https becomes wss. An absolute one stays: an SFU node may be elsewhere. */
export function socketUrl(baseUrl: string, path: string): string {
  return /^wss?:\/\//i.test(path) ? path : httpUrl(baseUrl, path).replace(/^http/i, 'ws');
}
