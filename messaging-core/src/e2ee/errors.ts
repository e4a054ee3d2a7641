// What can go wrong when a message is opened. A closed union: the SDK maps each
// code to what the person sees and to whether a new session is started.

export type E2eeErrorCode =
  /** Malformed, or not authentic. */
  | 'bad-message'
  /** No session that this message belongs to. */
  | 'no-session'
  /** No chain of its sender in this group that this message belongs to. */
  | 'no-sender-key'
  /** It was sealed to a prekey that this device does not hold (any more). */
  | 'unknown-prekey'
  /** It was opened before, or its key has been evicted. */
  | 'duplicate-message'
  /** More messages would have to be skipped than the bound allows. */
  | 'too-far-ahead'
  /** A prekey, a device list or a group change is not signed by who should have. */
  | 'bad-signature'
  /** The identity is not the one the caller trusts. */
  | 'untrusted-identity'
  | 'bad-padding'
  /** What was scanned or pasted is no code of a new device. */
  | 'bad-link-code';

export class E2eeError extends Error {
  readonly code: E2eeErrorCode;

  constructor(code: E2eeErrorCode, words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'E2eeError';
    this.code = code;
  }
}
