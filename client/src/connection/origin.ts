/**
 * Where a path of the services is, given their origin: `http(s)://host:port`,
 * optionally with a path prefix. An absolute URL stays as it is.
 */
export function httpUrl(baseUrl: string, path: string): string {
  return /^https?:\/\//i.test(path) ? path : `${baseUrl.replace(/\/+$/, '')}${path}`;
}

/** The same for a WebSocket: http becomes ws, https becomes wss. */
export function socketUrl(baseUrl: string, path: string): string {
  return (/^wss?:\/\//i.test(path) ? path : httpUrl(baseUrl, path)).replace(/^http/i, 'ws');
}
