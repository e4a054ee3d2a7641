// The one table of refusals. A request that cannot be served is answered by one
// of these codes; a socket that breaks the wire rules is closed with the code's
// WebSocket close code (RFC 6455 §7.4.2: 4000-4999 is ours); over HTTP the
// same code travels in a JSON body with the given status.

export interface ErrorEntry {
  /** WebSocket close code, used only where the fault ends the socket. */
  readonly close: number;
  /** HTTP status (RFC 9110). */
  readonly status: number;
  /** Plain words for people; never content, keys or addresses. */
  readonly words: string;
}

export const ERRORS = {
  'malformed-frame': { close: 4400, status: 400, words: 'That could not be read.' },
  'unknown-frame': {
    close: 4404,
    status: 400,
    words: 'The server does not know this request; the app may be newer than the server.',
  },
  'frame-too-large': { close: 4413, status: 413, words: 'That is larger than the server takes.' },
  'hello-expected': { close: 4401, status: 401, words: 'The connection did not sign in.' },
  'hello-timeout': { close: 4408, status: 408, words: 'The connection did not sign in in time.' },
  'unsupported-version': { close: 4426, status: 426, words: 'This app is too old or too new for the server.' },
  'token-invalid': { close: 4403, status: 401, words: 'The sign-in is not valid.' },
  'token-expired': { close: 4419, status: 401, words: 'The sign-in has expired.' },
  'device-removed': { close: 4410, status: 401, words: 'This device is no longer part of the account.' },
  'replaced-by-new-connection': { close: 4409, status: 409, words: 'This device connected again from elsewhere.' },
  'rate-limited': { close: 4429, status: 429, words: 'Too many requests; try again in a moment.' },
  'slow-consumer': { close: 4508, status: 503, words: 'The connection could not keep up.' },
  'shutting-down': { close: 4503, status: 503, words: 'The server is restarting; the app will reconnect.' },
  'internal-error': { close: 4500, status: 500, words: 'Something went wrong on the server.' },
  'invalid-request': { close: 4400, status: 400, words: 'The request is not valid.' },
  'not-found': { close: 4404, status: 404, words: 'There is nothing here.' },
  forbidden: { close: 4403, status: 403, words: 'That is not allowed.' },
  // Accounts and messages
  'handle-invalid': {
    close: 4400,
    status: 400,
    words: 'A handle has 3 to 32 letters, digits, dots, dashes or underscores.',
  },
  'registration-unknown': { close: 4404, status: 404, words: 'This registration has expired; start again.' },
  'code-wrong': { close: 4403, status: 403, words: 'The code is not right.' },
  'code-attempts-exhausted': { close: 4429, status: 429, words: 'Too many wrong codes; start again.' },
  'signature-invalid': { close: 4403, status: 403, words: 'The signature does not match.' },
  'account-unknown': { close: 4404, status: 404, words: 'There is nobody with this name.' },
  'device-unknown': { close: 4404, status: 404, words: 'That device does not exist.' },
  'stale-devices': { close: 4409, status: 409, words: 'The recipient has other devices now.' },
  'out-of-order': { close: 4409, status: 409, words: 'The message before this one was refused.' },
  'queue-full': { close: 4507, status: 507, words: 'The recipient has too many messages waiting.' },
  'link-unknown': { close: 4404, status: 404, words: 'This link code has expired or was used; show a new one.' },
  'link-not-offered': { close: 4404, status: 404, words: 'Nobody has confirmed this link code yet.' },
  'device-limit': { close: 4409, status: 409, words: 'The account has as many devices as it can have.' },
  'not-primary': { close: 4403, status: 403, words: 'Only the main device of the account may do that.' },
  'device-list-invalid': { close: 4403, status: 403, words: 'The list of devices is not signed as it should be.' },
  'group-unknown': { close: 4404, status: 404, words: 'This group does not exist, or you are not in it.' },
  'group-forbidden': { close: 4403, status: 403, words: 'Only an administrator of the group may do that.' },
  'group-full': { close: 4409, status: 409, words: 'The group has as many members as it can hold.' },
  'group-change-invalid': { close: 4400, status: 400, words: 'The change to the group is not valid.' },
  'stale-group': { close: 4409, status: 409, words: 'The group has changed meanwhile.' },
  'heartbeat-missed': { close: 4408, status: 408, words: 'The connection gave no sign of life.' },
  'presence-hidden': { close: 4403, status: 403, words: 'This person does not show when they are online.' },
  'watch-limit': { close: 4429, status: 429, words: 'Too many people are watched at once.' },
  // Calls
  'call-unknown': { close: 4404, status: 404, words: 'This call does not exist or is over.' },
  'call-not-yours': { close: 4403, status: 403, words: 'You are not part of this call.' },
  'call-state': { close: 4409, status: 409, words: 'The call is not in a state for that.' },
  'answered-elsewhere': { close: 4409, status: 409, words: 'Another device has answered.' },
  'call-full': { close: 4409, status: 409, words: 'The call has as many people as it can hold.' },
  'sfu-unavailable': { close: 4503, status: 503, words: 'Group calls are not available at the moment.' },
  // SFU
  'ticket-invalid': { close: 4403, status: 401, words: 'The ticket to this room is not valid.' },
  'ticket-expired': { close: 4419, status: 401, words: 'The ticket to this room has expired.' },
  'media-parameters': { close: 4400, status: 400, words: 'The media parameters are not valid.' },
  'room-limit': { close: 4409, status: 409, words: 'The room has reached its limit.' },
  // Media
  'grant-invalid': { close: 4403, status: 401, words: 'The upload permission is not valid.' },
  'grant-expired': { close: 4419, status: 401, words: 'The upload permission has expired.' },
  'blob-mismatch': { close: 4422, status: 422, words: 'What arrived is not what was announced.' },
  'blob-expired': { close: 4410, status: 410, words: 'Media not available any more.' },
  'blob-too-large': { close: 4413, status: 413, words: 'The file is larger than the server takes.' },
  'url-invalid': { close: 4403, status: 403, words: 'The link is not valid.' },
  'url-expired': { close: 4403, status: 403, words: 'The link has expired.' },
  'storage-full': { close: 4507, status: 507, words: 'The server has no room left.' },
  // Said by the SDK to the app; never on the wire
  unreachable: { close: 4503, status: 503, words: 'The server cannot be reached.' },
  'identity-changed': {
    close: 4403,
    status: 403,
    words: 'The security number of this person has changed; accept it before anything is sent.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export interface ProtocolErrorDetails {
  readonly retryAfterMs?: number;
  readonly staleDevices?: {
    readonly accountId: string;
    readonly missing: readonly number[];
    readonly gone: readonly number[];
  };
  readonly staleGroup?: {
    readonly groupId: string;
    readonly rosterRevision: number;
    readonly devicesRevision: bigint;
  };
}

/** A refusal with a code from the table: the remote side's doing, not a bug of ours. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;
  readonly details: ProtocolErrorDetails;

  constructor(code: ErrorCode, options: { cause?: unknown; words?: string } & ProtocolErrorDetails = {}) {
    const { cause, words, ...details } = options;
    super(words ?? ERRORS[code].words, { cause });
    this.name = 'ProtocolError';
    this.code = code;
    this.details = details;
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
