// A refusal of a request whose body is still under way. Closing at once would make
// the system discard the answer before the client has read it (a reset overtakes
// it); reading on for ever would let anyone send for nothing. So: answer, read on
// within a bound, close (RFC 9112 §9.6).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProtocolError } from '@carillon/protocol';
import { sendFailure } from '@carillon/service';

const LINGER_MS = 1_000;
const LINGER_BYTES = 8 * 1024 * 1024;

export function refuse(request: IncomingMessage, response: ServerResponse, error: ProtocolError): void {
  if (!request.complete && !response.headersSent) response.setHeader('connection', 'close');
  sendFailure(response, error);
  lingerBriefly(request);
}

/** Reads and discards what is left of a body, within a bound. */
export function lingerBriefly(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const end = () => request.destroy();
  const bound = setTimeout(end, LINGER_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) end();
  });
  request.once('close', () => clearTimeout(bound));
  request.once('end', () => clearTimeout(bound));
  request.on('error', () => {});
  request.resume();
}
