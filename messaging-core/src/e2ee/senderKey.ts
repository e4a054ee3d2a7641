// Sender Keys: one ciphertext for all members of a group. Each device has a chain
// of its own in each group, whose key and verification key it gives to the others
// over pairwise sessions; from then on every message key follows from the one
// before. Members cannot forge each other, since every message is signed. Unlike
// in a session nothing new is mixed in as the talk goes on, which is why a chain is
// replaced when somebody leaves, and after a while.
// Everything here is a pure function: what is given is never changed.
import { boundSkipped, type MessageChain, takeMessageKey } from './chain.ts';
import { isStrictEd25519Key } from './ed25519Strict.ts';
import { equalBytes } from './equalBytes.ts';
import { E2eeError } from './errors.ts';
import { kdfChain } from './kdf.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Messages of one chain. More: who has stolen a chain's key reads more of what
 * follows; fewer: fresh keys go to every device of the group more often.
 */
export const SENDER_CHAIN_MESSAGES_MAX = 1_000;
/** Likewise by time: a stolen key is of no use after a week. */
export const SENDER_CHAIN_AGE_MAX_MS = 7 * 24 * 60 * 60_000;
/** Chains kept of one sender in one group; fewer loses stragglers of those it had before. */
export const SENDER_CHAINS_MAX = 5;
export const CHAIN_ID_BYTES = 16;
const ITERATION_MAX = 2 ** 32 - 1;

/** Our own chain in one group; plain data. The caller keeps when it was made. */
export interface SenderChain {
  readonly version: 1;
  readonly chainId: Bytes;
  /** Number of the next message. */
  readonly iteration: number;
  readonly chainKey: Bytes;
  /** Ed25519; the private key is the seed. */
  readonly signing: KeyPair;
}

/** What a member needs to read a chain from here on: SenderKeyDistribution of the wire without the group. */
export interface ChainDistribution {
  readonly chainId: Uint8Array;
  readonly iteration: number;
  readonly chainKey: Uint8Array;
  readonly signingKey: Uint8Array;
}

/** Another device's chain, as far as we have read it. */
export interface SenderKeyState extends MessageChain {
  readonly version: 1;
  readonly chainId: Bytes;
  readonly signingKey: Bytes;
}

/** All that is kept of one sending device in one group, newest last; structured-cloneable. */
export type SenderKeyStates = readonly SenderKeyState[];

/** Where in a chain a message stands. */
export interface ChainPosition {
  readonly chainId: Bytes;
  readonly iteration: number;
}

/** A message taken apart; neither verified nor opened. */
export interface SenderKeyMessage extends ChainPosition {
  /** All before the signature. */
  readonly unsigned: Uint8Array;
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** What the chains themselves leave open: how a message is sealed, what of it is signed, and where. */
export interface SenderKeyProfile<Context> {
  /** Header and body, as they go over the wire; the signature is put behind them. */
  sealMessage(
    provider: CryptoProvider,
    messageKey: Uint8Array,
    context: Context,
    position: ChainPosition,
    plaintext: Uint8Array,
  ): Bytes;
  signedBytes(context: Context, unsigned: Uint8Array): Uint8Array;
  /** @throws E2eeError bad-message */
  openMessage(provider: CryptoProvider, messageKey: Uint8Array, context: Context, message: SenderKeyMessage): Bytes;
}

export function createSenderChain(provider: CryptoProvider): SenderChain {
  const seed = provider.randomBytes(32);
  return {
    version: 1,
    chainId: provider.randomBytes(CHAIN_ID_BYTES),
    iteration: 0,
    chainKey: provider.randomBytes(32),
    signing: { privateKey: seed, publicKey: provider.ed25519PublicKey(seed) },
  };
}

/** Whether the next message needs a fresh chain. A member or device that left is another reason, the caller's. */
export function isSenderChainSpent(chain: SenderChain, ageMs: number): boolean {
  return chain.iteration >= SENDER_CHAIN_MESSAGES_MAX || ageMs >= SENDER_CHAIN_AGE_MAX_MS;
}

/** For a member that is to read from the next message on, and nothing before it. */
export function distributionOf({ chainId, iteration, chainKey, signing }: SenderChain): ChainDistribution {
  return { chainId, iteration, chainKey, signingKey: signing.publicKey };
}

/**
 * A chain handed over by its sender in a pairwise session. One that is known
 * already stays where it is: what was read is not opened again.
 * @throws E2eeError bad-message
 */
export function acceptDistribution(states: SenderKeyStates, distribution: ChainDistribution): SenderKeyStates {
  const { chainId, iteration, chainKey, signingKey } = distribution;
  const isWellFormed =
    chainId.length === CHAIN_ID_BYTES &&
    chainKey.length === 32 &&
    isStrictEd25519Key(signingKey) &&
    Number.isInteger(iteration) &&
    iteration >= 0 &&
    iteration <= ITERATION_MAX;
  if (!isWellFormed) throw new E2eeError('bad-message', 'the sender key is malformed');
  const known = states.find((state) => equalBytes(state.chainId, chainId));
  if (known && !equalBytes(known.signingKey, signingKey)) {
    throw new E2eeError('bad-message', 'the chain is known with another signing key');
  }
  if (known) return states;
  const state: SenderKeyState = {
    version: 1,
    chainId: new Uint8Array(chainId),
    signingKey: new Uint8Array(signingKey),
    chainKey: new Uint8Array(chainKey),
    n: iteration,
    skipped: [],
  };
  return [...states, state].slice(-SENDER_CHAINS_MAX);
}

export function sealInChain<Context>(
  provider: CryptoProvider,
  profile: SenderKeyProfile<Context>,
  chain: SenderChain,
  context: Context,
  plaintext: Uint8Array,
): { chain: SenderChain; message: Bytes } {
  const next = kdfChain(provider, chain.chainKey);
  const unsigned = profile.sealMessage(provider, next.messageKey, context, chain, plaintext);
  next.messageKey.fill(0);
  const signature = provider.ed25519Sign(chain.signing.privateKey, profile.signedBytes(context, unsigned));
  const message = new Uint8Array(unsigned.length + signature.length);
  message.set(unsigned);
  message.set(signature, unsigned.length);
  return { chain: { ...chain, iteration: chain.iteration + 1, chainKey: next.chainKey }, message };
}

/**
 * The signature is checked before any key is derived, so that only the sender can make a device work.
 * @throws E2eeError no-sender-key, bad-message, duplicate-message, too-far-ahead; the states stay as they were
 */
export function openInChain<Context>(
  provider: CryptoProvider,
  profile: SenderKeyProfile<Context>,
  states: SenderKeyStates,
  context: Context,
  message: SenderKeyMessage,
): { states: SenderKeyStates; plaintext: Bytes } {
  const at = states.findIndex((state) => equalBytes(state.chainId, message.chainId));
  const state = states[at];
  if (!state) throw new E2eeError('no-sender-key', 'the chain of this message is not known');
  const signed = profile.signedBytes(context, message.unsigned);
  if (!provider.ed25519Verify(state.signingKey, signed, message.signature)) {
    throw new E2eeError('bad-message', 'the message is not signed by its sender');
  }
  const taken = takeMessageKey(provider, state, message.iteration);
  const plaintext = profile.openMessage(provider, taken.messageKey, context, message);
  taken.messageKey.fill(0);
  return { states: states.with(at, boundSkipped([taken.chain])[0]!), plaintext };
}
