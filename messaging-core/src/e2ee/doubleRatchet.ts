// The Double Ratchet (Signal, 'The Double Ratchet Algorithm', revision 1, 2016,
// §3). A new ratchet key is made only when something is sent, as its security
// considerations advise (deferring new ratchet key generation): keys live
// shorter, and a message that does not open uses no randomness.
import { concatBytes } from '@carillon/protocol';
import { boundChains, type ReceivingChain, skipTo, takeMessageKey } from './chain.ts';
import { equalBytes } from './equalBytes.ts';
import { E2eeError } from './errors.ts';
import { expandMessageKey, kdfChain, kdfRoot } from './kdf.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';
import { encodeRatchetHeader, type splitRatchetMessage } from './ratchetHeader.ts';

type Bytes = Uint8Array<ArrayBuffer>;

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

function startSendingChain(provider: CryptoProvider, state: RatchetState): RatchetState {
  // A responder has always heard first: its session is made by a message.
  if (!state.remoteKey) throw new Error('nothing can be sent before the first message has come');
  const keyPair = provider.x25519KeyPair(provider.randomBytes(32));
  const root = kdfRoot(provider, state.rootKey, provider.x25519(keyPair.privateKey, state.remoteKey));
  return {
    ...state,
    rootKey: root.rootKey,
    sending: { keyPair, chainKey: root.chainKey, n: 0, previousN: state.sending.n },
  };
}

/** RatchetEncrypt. `tag` and `associatedData` are the session's. */
export function ratchetEncrypt(
  provider: CryptoProvider,
  before: RatchetState,
  session: { readonly tag: Bytes; readonly associatedData: Uint8Array },
  plaintext: Uint8Array,
): { state: RatchetState; message: Bytes } {
  const state = before.sending.chainKey ? before : startSendingChain(provider, before);
  const { keyPair, chainKey, n, previousN } = state.sending;
  const next = kdfChain(provider, chainKey!);
  const { key, nonce } = expandMessageKey(provider, next.messageKey);
  const header = encodeRatchetHeader({ tag: session.tag, dh: keyPair!.publicKey, pn: previousN, n });
  const body = provider.aeadSeal(key, nonce, plaintext, concatBytes(session.associatedData, header));
  return {
    state: { ...state, sending: { ...state.sending, chainKey: next.chainKey, n: n + 1 } },
    message: concatBytes(header, body),
  };
}

type RatchetMessage = ReturnType<typeof splitRatchetMessage>;

function open(
  provider: CryptoProvider,
  messageKey: Uint8Array,
  associatedData: Uint8Array,
  message: RatchetMessage,
): Bytes {
  const { key, nonce } = expandMessageKey(provider, messageKey);
  try {
    return provider.aeadOpen(key, nonce, message.body, concatBytes(associatedData, message.headerBytes));
  } catch (cause) {
    throw new E2eeError('bad-message', 'the message is not authentic', cause);
  }
}

/** DHRatchet, its receiving half; the sending half waits for the next message out. */
function startReceivingChain(
  provider: CryptoProvider,
  state: RatchetState,
  remoteKey: Bytes,
): { rootKey: Bytes; chain: ReceivingChain } {
  const { keyPair } = state.sending;
  if (!keyPair) throw new E2eeError('bad-message', 'an answer to nothing');
  let agreement: Bytes;
  try {
    agreement = provider.x25519(keyPair.privateKey, remoteKey);
  } catch (cause) {
    throw new E2eeError('bad-message', 'the ratchet key is of low order', cause);
  }
  const { rootKey, chainKey } = kdfRoot(provider, state.rootKey, agreement);
  return { rootKey, chain: { remoteKey, chainKey, n: 0, skipped: [] } };
}

/**
 * RatchetDecrypt. The state given is never changed; the one returned is for
 * keeping only because the message was authentic.
 * @throws E2eeError bad-message, duplicate-message, too-far-ahead
 */
export function ratchetDecrypt(
  provider: CryptoProvider,
  state: RatchetState,
  associatedData: Uint8Array,
  message: RatchetMessage,
): { state: RatchetState; plaintext: Bytes } {
  const { header } = message;
  const known = state.receiving.findIndex((chain) => equalBytes(chain.remoteKey, header.dh));
  if (known >= 0) {
    const taken = takeMessageKey(provider, state.receiving[known]!, header.n);
    const plaintext = open(provider, taken.messageKey, associatedData, message);
    return { state: { ...state, receiving: boundChains(state.receiving.with(known, taken.chain)) }, plaintext };
  }

  const started = startReceivingChain(provider, state, header.dh);
  const taken = takeMessageKey(provider, started.chain, header.n);
  const plaintext = open(provider, taken.messageKey, associatedData, message);

  // Authentic from here on. The chain before ends at the length the sender names.
  const latest = state.receiving.at(-1);
  const ended = latest?.chainKey
    ? [{ ...skipTo(provider, latest, header.pn), chainKey: undefined }]
    : latest
      ? [latest]
      : [];
  return {
    state: {
      rootKey: started.rootKey,
      remoteKey: header.dh,
      sending: { ...state.sending, chainKey: undefined },
      receiving: boundChains([...state.receiving.slice(0, -1), ...ended, taken.chain]),
    },
    plaintext,
  };
}
