// Sessions between two devices: X3DH starts one, the Double Ratchet carries it.
// A record holds the session in use and former ones, because both sides may
// start at once, and messages of a former one may still be under way. Whichever
// session last opened a message is the one in use: two that started at once
// agree as soon as one message has not crossed another.
// Everything here is a pure function: the record given is never changed.
import { type Address, concatBytes } from '@carillon/protocol';
import {
  initiatorRatchet,
  type RatchetState,
  ratchetDecrypt,
  ratchetEncrypt,
  responderRatchet,
} from './doubleRatchet.ts';
import { equalBytes } from './equalBytes.ts';
import { E2eeError } from './errors.ts';
import type { Identity, KemPrekeySecret, PrekeyBundle } from './keys.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';
import { carillonRatchet, splitRatchetMessage } from './ratchetMessage.ts';
import { decodeX3dhHeader, initiateX3dh, respondX3dh, X3DH_HEADER_BYTES } from './x3dh.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Former sessions kept for stragglers; each costs some hundred bytes to 70 KB of storage. */
export const ARCHIVED_SESSIONS_MAX = 40;

export interface SessionState {
  readonly version: 1;
  readonly tag: Bytes;
  readonly associatedData: Bytes;
  /** The handshake message that started it. */
  readonly handshake: Bytes;
  /** We started it and have no answer yet: every message carries the handshake. */
  readonly unanswered: boolean;
  readonly ratchet: RatchetState;
}

/** All that a device keeps about its sessions with one other device; structured-cloneable. */
export interface SessionRecord {
  readonly version: 1;
  readonly current: SessionState;
  /** Newest first. */
  readonly archived: readonly SessionState[];
  readonly peerIdentity: Bytes;
}

export type CiphertextKind = 'prekey' | 'ratchet';

/** Our prekeys by id; undefined for one that is gone. */
export interface PrekeyLookup {
  signed(id: number): KeyPair | undefined;
  oneTime(id: number): KeyPair | undefined;
  kem?(id: number): KemPrekeySecret | undefined;
}

export interface Decrypted {
  readonly record: SessionRecord;
  readonly plaintext: Bytes;
  /** To be deleted in the transaction that commits the record. */
  readonly usedOneTimePrekeyId: number | undefined;
  /** A one-time KEM prekey, to be deleted likewise; the one of last resort is never named here. */
  readonly usedKemPrekeyId: number | undefined;
  readonly peerIdentity: Bytes;
  /** It is not the one of the record before. */
  readonly identityChanged: boolean;
}

/** Puts a session in use. Sessions of an identity that is gone are dropped. */
function withCurrent(record: SessionRecord | undefined, current: SessionState, peerIdentity: Bytes): SessionRecord {
  const former =
    record && equalBytes(record.peerIdentity, peerIdentity)
      ? [record.current, ...record.archived].filter((session) => !equalBytes(session.tag, current.tag))
      : [];
  return { version: 1, current, archived: former.slice(0, ARCHIVED_SESSIONS_MAX), peerIdentity };
}

/**
 * Starts a session with a fetched bundle; nothing is sent yet. Sessions of the
 * record given, if any, are kept for stragglers.
 * @throws E2eeError bad-signature, untrusted-identity (with `trustedIdentity`), bad-message (a low-order key)
 */
export function startSession(
  provider: CryptoProvider,
  input: {
    readonly identity: Identity;
    readonly local: Address;
    readonly remote: Address;
    readonly bundle: PrekeyBundle;
    readonly record?: SessionRecord | undefined;
    readonly trustedIdentity?: Uint8Array | undefined;
  },
): SessionRecord {
  const { bundle } = input;
  if (input.trustedIdentity && !equalBytes(input.trustedIdentity, bundle.identityKey)) {
    throw new E2eeError('untrusted-identity', 'the identity is not the trusted one');
  }
  const handshake = refusingBadKeys(() => initiateX3dh(provider, input));
  const session: SessionState = {
    version: 1,
    tag: handshake.tag,
    associatedData: handshake.associatedData,
    handshake: handshake.header,
    unanswered: true,
    ratchet: initiatorRatchet(handshake.sharedSecret, bundle.signedPrekey.publicKey),
  };
  return withCurrent(input.record, session, new Uint8Array(bundle.identityKey));
}

export function encrypt(
  provider: CryptoProvider,
  record: SessionRecord,
  plaintext: Uint8Array,
): { record: SessionRecord; kind: CiphertextKind; ciphertext: Bytes } {
  const session = record.current;
  const { state, message } = ratchetEncrypt(provider, carillonRatchet, session.ratchet, session, plaintext);
  const next = { ...record, current: { ...session, ratchet: state } };
  return session.unanswered
    ? { record: next, kind: 'prekey', ciphertext: concatBytes(session.handshake, message) }
    : { record: next, kind: 'ratchet', ciphertext: message };
}

export interface DecryptInput {
  readonly identity: Identity;
  readonly local: Address;
  readonly remote: Address;
  readonly record: SessionRecord | undefined;
  readonly prekeys: PrekeyLookup;
}

/** @throws E2eeError; the record stays as it was, and no prekey is used up */
export function decrypt(
  provider: CryptoProvider,
  input: DecryptInput,
  kind: CiphertextKind,
  ciphertext: Uint8Array,
): Decrypted {
  if (kind === 'ratchet') return decryptRatchet(provider, input.record, ciphertext);
  return decryptPrekey(provider, input, ciphertext);
}

function findSession(record: SessionRecord | undefined, tag: Uint8Array): SessionState | undefined {
  return record && [record.current, ...record.archived].find((session) => equalBytes(session.tag, tag));
}

function decryptRatchet(
  provider: CryptoProvider,
  record: SessionRecord | undefined,
  ciphertext: Uint8Array,
): Decrypted {
  const message = splitRatchetMessage(ciphertext);
  const session = findSession(record, message.tag);
  if (!record || !session) throw new E2eeError('no-session', 'there is no session for this message');
  const opened = ratchetDecrypt(provider, carillonRatchet, session.ratchet, session, message);
  return {
    record: withCurrent(record, { ...session, ratchet: opened.state, unanswered: false }, record.peerIdentity),
    plaintext: opened.plaintext,
    usedOneTimePrekeyId: undefined,
    usedKemPrekeyId: undefined,
    peerIdentity: record.peerIdentity,
    identityChanged: false,
  };
}

function decryptPrekey(provider: CryptoProvider, input: DecryptInput, ciphertext: Uint8Array): Decrypted {
  const header = decodeX3dhHeader(ciphertext);
  const handshakeBytes = ciphertext.subarray(0, X3DH_HEADER_BYTES);
  const inner = ciphertext.subarray(X3DH_HEADER_BYTES);
  const message = splitRatchetMessage(inner);

  // The handshake comes again until our answer has arrived: the session is there already.
  const known = findSession(input.record, message.tag);
  if (known) {
    if (!equalBytes(known.handshake, handshakeBytes)) {
      throw new E2eeError('bad-message', 'the handshake is not the one of this session');
    }
    return decryptRatchet(provider, input.record, inner);
  }

  const signedPrekey = input.prekeys.signed(header.signedPrekeyId);
  if (!signedPrekey) throw new E2eeError('unknown-prekey', 'the signed prekey is not known');
  const oneTimePrekey =
    header.oneTimePrekeyId === undefined ? undefined : input.prekeys.oneTime(header.oneTimePrekeyId);
  if (header.oneTimePrekeyId !== undefined && !oneTimePrekey) {
    throw new E2eeError('unknown-prekey', 'the one-time prekey is used up or not known');
  }
  const handshake = refusingBadKeys(() => respondX3dh(provider, { ...input, header, signedPrekey, oneTimePrekey }));
  if (!equalBytes(handshake.tag, message.tag)) {
    throw new E2eeError('bad-message', 'the handshake does not agree');
  }
  const opened = ratchetDecrypt(
    provider,
    carillonRatchet,
    responderRatchet(handshake.sharedSecret, signedPrekey),
    handshake,
    message,
  );
  const session: SessionState = {
    version: 1,
    tag: handshake.tag,
    associatedData: handshake.associatedData,
    handshake: handshake.header,
    unanswered: false,
    ratchet: opened.state,
  };
  return {
    record: withCurrent(input.record, session, header.identityKey),
    plaintext: opened.plaintext,
    usedOneTimePrekeyId: header.oneTimePrekeyId,
    usedKemPrekeyId: undefined,
    peerIdentity: header.identityKey,
    identityChanged: input.record !== undefined && !equalBytes(input.record.peerIdentity, header.identityKey),
  };
}

/** The provider throws plain errors on keys that no honest peer has. */
function refusingBadKeys<T>(agree: () => T): T {
  try {
    return agree();
  } catch (cause) {
    if (cause instanceof E2eeError) throw cause;
    throw new E2eeError('bad-message', 'a key of the handshake is not valid', cause);
  }
}
