// Seals what two devices of a call say through signaling, under the call's
// 32-byte secret, which came by an end-to-end encrypted invite. Signaling sees
// sizes, in steps of 256 bytes, and times; whatever it changes, turns round or
// repeats is refused.
//
// XChaCha20-Poly1305 with random 24-byte nonces, because either device may
// start over (a reload) with nothing remembered, and must not repeat a nonce.
// Sealed: version (1) | nonce (24) | AEAD of
//         session (16) | index (4) | payload length (4) | payload | zeros.
import { type Address, addressKey, concatBytes, LIMITS, utf8 } from '@carillon/protocol';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

type Bytes = Uint8Array<ArrayBuffer>;

const VERSION = Uint8Array.of(1);
const LABEL = utf8('Carillon call signal v1');
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const SESSION_BYTES = 16;
const HEADER_BYTES = SESSION_BYTES + 4 + 4;
/** Larger steps hide more of what is said, and send more. */
const STEP_BYTES = 256;
const OVERHEAD_BYTES = VERSION.length + NONCE_BYTES + TAG_BYTES;
/** Of a payload: what signaling relays, in whole steps. */
export const CALL_PAYLOAD_BYTES_MAX =
  Math.floor((LIMITS.sealedSignalBytesMax - OVERHEAD_BYTES) / STEP_BYTES) * STEP_BYTES - HEADER_BYTES;
/**
 * How often the other device may start over in one call. None is forgotten, or
 * its signals could be repeated; more than this is no honest device.
 */
export const CALL_SESSIONS_MAX = 64;

/** Indices remembered as opened; what is older is late. Higher: repeats of long ago are told from late ones, for 8 bytes each. */
export const SEEN_MAX = 256;

export type CallSealingErrorCode =
  /** Not sealed by the other device for this one, in this call. */
  | 'tampered'
  /** It was opened before: somebody on the way repeats what the other device said once. */
  | 'replayed'
  /** A later one came before, as when a lost connection's last words overtake the next one's: to be ignored. */
  | 'late'
  | 'too-many-sessions';

export class CallSealingError extends Error {
  readonly code: CallSealingErrorCode;

  constructor(code: CallSealingErrorCode, words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'CallSealingError';
    this.code = code;
  }
}

/** One direction of a call. */
export interface CallDirection {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly callId: string;
  readonly from: Address;
  readonly to: Address;
}

/** A key of its own for each direction, so that nothing can be sent back to where it came from. */
function directionKey({ secret, callId, from, to }: CallDirection): Uint8Array {
  if (secret.length !== 32) throw new RangeError('a call secret has 32 bytes');
  const fields = [callId, addressKey(from), addressKey(to)].map(utf8);
  const info = concatBytes(LABEL, ...fields.flatMap((field) => [Uint8Array.of(field.length), field]));
  return hkdf(sha256, secret, undefined, info, 32);
}

export class CallSealer {
  readonly #key: Uint8Array;
  readonly #session: Bytes = crypto.getRandomValues(new Uint8Array(SESSION_BYTES));
  #index = 0;

  constructor(direction: CallDirection) {
    this.#key = directionKey(direction);
  }

  /** @throws RangeError on a payload beyond the limit */
  seal(payload: Uint8Array): Bytes {
    if (payload.length > CALL_PAYLOAD_BYTES_MAX) throw new RangeError('the signal is too large');
    const plaintext = new Uint8Array(Math.ceil((HEADER_BYTES + payload.length) / STEP_BYTES) * STEP_BYTES);
    const view = new DataView(plaintext.buffer);
    plaintext.set(this.#session);
    view.setUint32(SESSION_BYTES, ++this.#index);
    view.setUint32(SESSION_BYTES + 4, payload.length);
    plaintext.set(payload, HEADER_BYTES);
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    return concatBytes(VERSION, nonce, xchacha20poly1305(this.#key, nonce, VERSION).encrypt(plaintext));
  }
}

export class CallOpener {
  readonly #key: Uint8Array;
  /** The newest indices opened of each start of the other device, in order. */
  readonly #seen = new Map<string, number[]>();

  constructor(direction: CallDirection) {
    this.#key = directionKey(direction);
  }

  /** The payload, once. @throws CallSealingError */
  open(sealed: Uint8Array): Bytes {
    const plaintext = this.#decrypt(sealed);
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    const session = plaintext.subarray(0, SESSION_BYTES).join();
    const index = view.getUint32(SESSION_BYTES);
    const length = view.getUint32(SESSION_BYTES + 4);
    if (length > plaintext.length - HEADER_BYTES) throw new CallSealingError('tampered', 'the signal is malformed');

    const seen = this.#seen.get(session) ?? [];
    if (seen.includes(index)) throw new CallSealingError('replayed', 'the signal came before');
    if (index < (seen.at(-1) ?? 0)) throw new CallSealingError('late', 'a later signal came before');
    if (seen.length === 0 && this.#seen.size >= CALL_SESSIONS_MAX) {
      throw new CallSealingError('too-many-sessions', 'the other device has started over too often');
    }
    seen.push(index);
    this.#seen.set(session, seen.slice(-SEEN_MAX));
    return new Uint8Array(plaintext.subarray(HEADER_BYTES, HEADER_BYTES + length));
  }

  #decrypt(sealed: Uint8Array): Uint8Array {
    const nonceEnd = VERSION.length + NONCE_BYTES;
    if (sealed[0] !== VERSION[0]) throw new CallSealingError('tampered', 'not a sealed signal of a known version');
    try {
      const nonce = sealed.subarray(VERSION.length, nonceEnd);
      const plaintext = xchacha20poly1305(this.#key, nonce, VERSION).decrypt(sealed.subarray(nonceEnd));
      if (plaintext.length < HEADER_BYTES) throw new Error('the plaintext is too short');
      return plaintext;
    } catch (cause) {
      throw new CallSealingError('tampered', 'the signal is not from the other device', cause);
    }
  }
}

/** Both directions, as one device holds them. */
export class CallSealing {
  readonly #sealer: CallSealer;
  readonly #opener: CallOpener;

  constructor(options: {
    readonly secret: Uint8Array;
    readonly callId: string;
    readonly self: Address;
    readonly peer: Address;
  }) {
    const { secret, callId, self, peer } = options;
    this.#sealer = new CallSealer({ secret, callId, from: self, to: peer });
    this.#opener = new CallOpener({ secret, callId, from: peer, to: self });
  }

  /** @throws RangeError on a payload beyond the limit */
  seal(payload: Uint8Array): Bytes {
    return this.#sealer.seal(payload);
  }

  /** The payload, once. @throws CallSealingError */
  open(sealed: Uint8Array): Bytes {
    return this.#opener.open(sealed);
  }
}
