// One receiving chain: the messages under one ratchet key of the peer, and the
// keys of those that were skipped and may still come.
import { E2eeError } from './errors.ts';
import { kdfChain } from './kdf.ts';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * How far one message may lie ahead. Higher: a peer can make this device derive
 * more keys for one forged message (25,000 take about 0.1 s natively); lower: a
 * device that lost more messages than this needs a new session.
 */
export const FORWARD_JUMP_MAX = 25_000;
/** Skipped keys kept in one session, 32 bytes each; lower loses later stragglers. */
export const SKIPPED_KEYS_MAX = 2_000;
/** Chains remembered; lower loses stragglers of earlier turns of the talk, and takes their repeats for forgeries. */
export const RECEIVING_CHAINS_MAX = 5;

export interface SkippedKey {
  readonly n: number;
  readonly messageKey: Bytes;
}

export interface ReceivingChain {
  readonly remoteKey: Bytes;
  /** Undefined once the peer has gone on to another chain: nothing more is derived. */
  readonly chainKey: Bytes | undefined;
  /** Number of the next message. */
  readonly n: number;
  /** By ascending n. */
  readonly skipped: readonly SkippedKey[];
}

/**
 * Derives up to message `until`, exclusive; keys beyond the bound on stored ones
 * are not kept, the oldest first.
 * @throws E2eeError too-far-ahead
 */
export function skipTo(provider: CryptoProvider, chain: ReceivingChain, until: number): ReceivingChain {
  if (until <= chain.n) return chain;
  if (until - chain.n > FORWARD_JUMP_MAX) {
    throw new E2eeError('too-far-ahead', 'the message lies too far ahead of the last one');
  }
  if (chain.chainKey === undefined) throw new E2eeError('bad-message', 'the chain has ended');
  let { chainKey } = chain;
  const skipped: SkippedKey[] = [];
  for (let n = chain.n; n < until; n++) {
    const next = kdfChain(provider, chainKey);
    chainKey = next.chainKey;
    if (until - n <= SKIPPED_KEYS_MAX) skipped.push({ n, messageKey: next.messageKey });
  }
  return { ...chain, chainKey, n: until, skipped: [...chain.skipped, ...skipped] };
}

/** The key of message `n` and the chain without it. @throws E2eeError */
export function takeMessageKey(
  provider: CryptoProvider,
  chain: ReceivingChain,
  n: number,
): { chain: ReceivingChain; messageKey: Bytes } {
  if (n < chain.n) {
    const found = chain.skipped.find((key) => key.n === n);
    if (!found) throw new E2eeError('duplicate-message', 'the message was opened before');
    return {
      chain: { ...chain, skipped: chain.skipped.filter((key) => key !== found) },
      messageKey: found.messageKey,
    };
  }
  const at = skipTo(provider, chain, n);
  if (at.chainKey === undefined) throw new E2eeError('bad-message', 'the chain has ended');
  const { chainKey, messageKey } = kdfChain(provider, at.chainKey);
  return { chain: { ...at, chainKey, n: n + 1 }, messageKey };
}

/** Within the bounds, the oldest chains and keys going first. Newest chain last. */
export function boundChains(chains: readonly ReceivingChain[]): ReceivingChain[] {
  const kept = chains.slice(-RECEIVING_CHAINS_MAX);
  let excess = kept.reduce((sum, chain) => sum + chain.skipped.length, 0) - SKIPPED_KEYS_MAX;
  if (excess <= 0) return kept;
  return kept.map((chain) => {
    const drop = Math.min(Math.max(excess, 0), chain.skipped.length);
    excess -= drop;
    return drop === 0 ? chain : { ...chain, skipped: chain.skipped.slice(drop) };
  });
}
