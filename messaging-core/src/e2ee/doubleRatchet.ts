// The Double Ratchet (Signal, 'The Double Ratchet Algorithm', revision 1, 2016,
// §3). A new ratchet key is made only when something is sent, as its security
// considerations advise (deferring new ratchet key generation): keys live
// shorter, and a message that does not open uses no randomness.
import { boundSkipped, type MessageChain, skipTo, takeMessageKey } from './chain.ts';
import { equalBytes } from './equalBytes.ts';
import { E2eeError } from './errors.ts';
import { kdfChain, kdfRoot } from './kdf.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';
import { agree } from './x25519Strict.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Chains remembered; lower loses stragglers of earlier turns of the talk, and takes their repeats for forgeries. */
export const RECEIVING_CHAINS_MAX = 5;

export interface RatchetHeader {
  /** The sender's present ratchet key. */
  readonly dh: Bytes;
  /** Messages in the sender's chain before this one. */
  readonly pn: number;
  readonly n: number;
}

/** A message taken apart, not opened. */
export interface RatchetMessage {
  readonly header: RatchetHeader;
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array;
}

/** What the ratchet itself leaves open: a label, and how a message key seals its message. */
export interface RatchetProfile<Session> {
  /** Info of KDF_RK. */
  readonly rootInfo: Uint8Array;
  /** The whole message, header included. */
  sealMessage(
    provider: CryptoProvider,
    messageKey: Uint8Array,
    session: Session,
    header: RatchetHeader,
    plaintext: Uint8Array,
  ): Bytes;
  /** @throws E2eeError bad-message */
  openMessage(provider: CryptoProvider, messageKey: Uint8Array, session: Session, message: RatchetMessage): Bytes;
}

/** The messages under one ratchet key of the peer. */
export interface ReceivingChain extends MessageChain {
  readonly remoteKey: Bytes;
}

/** Plain data: it can be stored as it is. */
export interface RatchetState {
  readonly rootKey: Bytes;
  /** The peer's newest ratchet key; undefined until the responder has heard from the initiator. */
  readonly remoteKey: Bytes | undefined;
  readonly sending: {
    /** Undefined until the initiator first sends. */
    readonly keyPair: KeyPair | undefined;
    /** Undefined: the next message starts a chain with a fresh ratchet key. */
    readonly chainKey: Bytes | undefined;
    readonly n: number;
    readonly previousN: number;
  };
  /** Newest last. */
  readonly receiving: readonly ReceivingChain[];
}

/** RatchetInitAlice. */
export function initiatorRatchet(sharedSecret: Bytes, remoteSignedPrekey: Uint8Array): RatchetState {
  return {
    rootKey: sharedSecret,
    remoteKey: new Uint8Array(remoteSignedPrekey),
    sending: { keyPair: undefined, chainKey: undefined, n: 0, previousN: 0 },
    receiving: [],
  };
}

/** RatchetInitBob. */
export function responderRatchet(sharedSecret: Bytes, signedPrekey: KeyPair): RatchetState {
  const keyPair = { publicKey: signedPrekey.publicKey, privateKey: signedPrekey.privateKey };
  return {
    rootKey: sharedSecret,
    remoteKey: undefined,
    sending: { keyPair, chainKey: undefined, n: 0, previousN: 0 },
    receiving: [],
  };
}

function startSendingChain(provider: CryptoProvider, rootInfo: Uint8Array, state: RatchetState): RatchetState {
  // A responder has always heard first: its session is made by a message.
  if (!state.remoteKey) throw new Error('nothing can be sent before the first message has come');
  const keyPair = provider.x25519KeyPair(provider.randomBytes(32));
  const root = kdfRoot(provider, rootInfo, state.rootKey, agree(provider, keyPair.privateKey, state.remoteKey));
  return {
    ...state,
    rootKey: root.rootKey,
    sending: { keyPair, chainKey: root.chainKey, n: 0, previousN: state.sending.n },
  };
}

/** RatchetEncrypt. */
export function ratchetEncrypt<Session>(
  provider: CryptoProvider,
  profile: RatchetProfile<Session>,
  before: RatchetState,
  session: Session,
  plaintext: Uint8Array,
): { state: RatchetState; message: Bytes } {
  const state = before.sending.chainKey ? before : startSendingChain(provider, profile.rootInfo, before);
  const { keyPair, chainKey, n, previousN } = state.sending;
  const next = kdfChain(provider, chainKey!);
  const header = { dh: keyPair!.publicKey, pn: previousN, n };
  const message = profile.sealMessage(provider, next.messageKey, session, header, plaintext);
  next.messageKey.fill(0);
  return { state: { ...state, sending: { ...state.sending, chainKey: next.chainKey, n: n + 1 } }, message };
}

/** DHRatchet, its receiving half; the sending half waits for the next message out. */
function startReceivingChain(
  provider: CryptoProvider,
  rootInfo: Uint8Array,
  state: RatchetState,
  remoteKey: Bytes,
): { rootKey: Bytes; chain: ReceivingChain } {
  const { keyPair } = state.sending;
  if (!keyPair) throw new E2eeError('bad-message', 'an answer to nothing');
  let agreement: Bytes;
  try {
    agreement = agree(provider, keyPair.privateKey, remoteKey);
  } catch (cause) {
    throw new E2eeError('bad-message', 'the ratchet key is not valid', cause);
  }
  const { rootKey, chainKey } = kdfRoot(provider, rootInfo, state.rootKey, agreement);
  return { rootKey, chain: { remoteKey, chainKey, n: 0, skipped: [] } };
}

/**
 * RatchetDecrypt. The state given is never changed; the one returned is for
 * keeping only because the message was authentic.
 * @throws E2eeError bad-message, duplicate-message, too-far-ahead
 */
export function ratchetDecrypt<Session>(
  provider: CryptoProvider,
  profile: RatchetProfile<Session>,
  state: RatchetState,
  session: Session,
  message: RatchetMessage,
): { state: RatchetState; plaintext: Bytes } {
  const { header } = message;
  const known = state.receiving.findIndex((chain) => equalBytes(chain.remoteKey, header.dh));
  if (known >= 0) {
    const taken = takeMessageKey(provider, state.receiving[known]!, header.n);
    const plaintext = profile.openMessage(provider, taken.messageKey, session, message);
    taken.messageKey.fill(0);
    return { state: { ...state, receiving: boundSkipped(state.receiving.with(known, taken.chain)) }, plaintext };
  }

  const started = startReceivingChain(provider, profile.rootInfo, state, header.dh);
  const taken = takeMessageKey(provider, started.chain, header.n);
  const plaintext = profile.openMessage(provider, taken.messageKey, session, message);
  taken.messageKey.fill(0);

  // Authentic from here on. The chain before ends at the length the sender names.
  const latest = state.receiving.at(-1);
  const ended = latest?.chainKey
    ? [{ ...skipTo(provider, latest, header.pn), chainKey: undefined }]
    : latest
      ? [latest]
      : [];
  const receiving = [...state.receiving.slice(0, -1), ...ended, taken.chain];
  return {
    state: {
      rootKey: started.rootKey,
      remoteKey: header.dh,
      sending: { ...state.sending, chainKey: undefined },
      receiving: boundSkipped(receiving.slice(-RECEIVING_CHAINS_MAX)),
    },
    plaintext,
  };
}
