// Sessions between two devices: PQXDH starts one, the Double Ratchet carries it.
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
import { decodePqxdhHeader, initiatePqxdh, PQXDH_HEADER_BYTES, type PqxdhHeader, respondPqxdh } from './pqxdh.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';
import { carillonRatchet, type SessionContext, splitRatchetMessage } from './ratchetMessage.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Former sessions kept for stragglers; each costs some hundred bytes to 70 KB of storage. */
export const ARCHIVED_SESSIONS_MAX = 40;

/**
 * Handshakes remembered that had neither kind of one-time prekey: nothing was used
 * up by them, so that nothing but this memory keeps a replay from starting another
 * session. More: a peer can make the record longer, 16 bytes each; fewer: after so
 * many of them a server could deliver the oldest again, while its signed prekey is kept.
 */
export const REPEATABLE_HANDSHAKES_MAX = 500;
const DIGEST_BYTES = 16;

export interface SessionState extends SessionContext {
  readonly version: 2;
  /** What started it, hashed: a repeat of the handshake is known by it. */
  readonly handshakeDigest: Bytes;
  /** While we have no answer to the handshake we began with, every message carries it. */
  readonly handshake: Bytes | undefined;
  readonly ratchet: RatchetState;
}

/** All that a device keeps about its sessions with one other device; structured-cloneable. */
export interface SessionRecord {
  readonly version: 2;
  readonly current: SessionState;
  /** Newest first. */
  readonly archived: readonly SessionState[];
  readonly peerIdentity: Bytes;
  /** Hashes of handshakes that could be opened again, newest last; they outlive their sessions and the peer's identity. */
  readonly repeatable: readonly Bytes[];
}

export type CiphertextKind = 'prekey' | 'ratchet';

/** Our prekeys by id; undefined for one that is gone. */
export interface PrekeyLookup {
  signed(id: number): KeyPair | undefined;
  oneTime(id: number): KeyPair | undefined;
  /** One series of ids, one-time prekeys and those of last resort. */
  kem(id: number): KemPrekeySecret | undefined;
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
  return {
    version: 2,
    current,
    archived: former.slice(0, ARCHIVED_SESSIONS_MAX),
    peerIdentity,
    repeatable: record?.repeatable ?? [],
  };
}

function digestOf(provider: CryptoProvider, handshake: Uint8Array): Bytes {
  return provider.sha256(handshake).slice(0, DIGEST_BYTES);
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
  const handshake = refusingBadKeys(() => initiatePqxdh(provider, input));
  const session: SessionState = {
    version: 2,
    tag: handshake.tag,
    associatedData: handshake.associatedData,
    handshakeDigest: digestOf(provider, handshake.header),
    handshake: handshake.header,
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
  return session.handshake
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
    record: withCurrent(record, { ...session, ratchet: opened.state, handshake: undefined }, record.peerIdentity),
    plaintext: opened.plaintext,
    usedOneTimePrekeyId: undefined,
    usedKemPrekeyId: undefined,
    peerIdentity: record.peerIdentity,
    identityChanged: false,
  };
}

function decryptPrekey(provider: CryptoProvider, input: DecryptInput, ciphertext: Uint8Array): Decrypted {
  const header = decodePqxdhHeader(ciphertext);
  const inner = ciphertext.subarray(PQXDH_HEADER_BYTES);
  const message = splitRatchetMessage(inner);
  const digest = digestOf(provider, ciphertext.subarray(0, PQXDH_HEADER_BYTES));

  // The handshake comes again until our answer has arrived: the session is there already.
  const known = findSession(input.record, message.tag);
  if (known) {
    if (!equalBytes(known.handshakeDigest, digest)) {
      throw new E2eeError('bad-message', 'the handshake is not the one of this session');
    }
    return decryptRatchet(provider, input.record, inner);
  }
  if (input.record?.repeatable.some((opened) => equalBytes(opened, digest))) {
    throw new E2eeError('duplicate-message', 'the handshake was opened before');
  }

  const prekeys = findPrekeys(input.prekeys, header);
  const handshake = refusingBadKeys(() => respondPqxdh(provider, { ...input, header, ...prekeys }));
  if (!equalBytes(handshake.tag, message.tag)) throw new E2eeError('bad-message', 'the handshake does not agree');
  const ratchet = responderRatchet(handshake.sharedSecret, prekeys.signedPrekey);
  const opened = ratchetDecrypt(provider, carillonRatchet, ratchet, handshake, message);
  const session: SessionState = {
    version: 2,
    tag: handshake.tag,
    associatedData: handshake.associatedData,
    handshakeDigest: digest,
    handshake: undefined,
    ratchet: opened.state,
  };
  const record = withCurrent(input.record, session, header.identityKey);
  const isRepeatable = header.oneTimePrekeyId === undefined && prekeys.kemIsLastResort;
  return {
    record: isRepeatable
      ? { ...record, repeatable: [...record.repeatable, digest].slice(-REPEATABLE_HANDSHAKES_MAX) }
      : record,
    plaintext: opened.plaintext,
    usedOneTimePrekeyId: header.oneTimePrekeyId,
    usedKemPrekeyId: prekeys.kemIsLastResort ? undefined : header.kemPrekeyId,
    peerIdentity: header.identityKey,
    identityChanged: input.record !== undefined && !equalBytes(input.record.peerIdentity, header.identityKey),
  };
}

/** @throws E2eeError unknown-prekey */
function findPrekeys(prekeys: PrekeyLookup, header: PqxdhHeader) {
  const signedPrekey = prekeys.signed(header.signedPrekeyId);
  if (!signedPrekey) throw new E2eeError('unknown-prekey', 'the signed prekey is not known');
  const oneTimePrekey = header.oneTimePrekeyId === undefined ? undefined : prekeys.oneTime(header.oneTimePrekeyId);
  if (header.oneTimePrekeyId !== undefined && !oneTimePrekey) {
    throw new E2eeError('unknown-prekey', 'the one-time prekey is used up or not known');
  }
  const kem = prekeys.kem(header.kemPrekeyId);
  if (!kem) throw new E2eeError('unknown-prekey', 'the KEM prekey is used up or not known');
  return { signedPrekey, oneTimePrekey, kemPrekey: kem.privateKey, kemIsLastResort: kem.lastResort };
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
