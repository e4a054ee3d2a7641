// A receiving chain: each message key follows from the one before, and the keys
// of messages that were skipped are kept, as those may still come.
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
/** Skipped keys kept in one session or sender's chain, 32 bytes each; lower loses later stragglers. */
export const SKIPPED_KEYS_MAX = 2_000;
export interface SkippedKey {
  readonly n: number;
  readonly messageKey: Bytes;
}

export interface MessageChain {
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
 * @throws E2eeError too-far-ahead, bad-message
 */
export function skipTo<Chain extends MessageChain>(provider: CryptoProvider, chain: Chain, until: number): Chain {
  if (until <= chain.n) return chain;
  if (until - chain.n > FORWARD_JUMP_MAX) {
    throw new E2eeError('too-far-ahead', 'the message lies too far ahead of the last one');
  }
  if (chain.chainKey === undefined) throw new E2eeError('bad-message', 'the chain has ended');
  let { chainKey } = chain;
  const skipped: SkippedKey[] = [];
  for (let n = chain.n; n < until; n++) {
    const next = kdfChain(provider, chainKey);
    // The first is the given chain's, which may be needed again.
    if (n > chain.n) chainKey.fill(0);
    chainKey = next.chainKey;
    if (until - n <= SKIPPED_KEYS_MAX) skipped.push({ n, messageKey: next.messageKey });
    else next.messageKey.fill(0);
  }
  return { ...chain, chainKey, n: until, skipped: [...chain.skipped, ...skipped] };
}

/** The key of message `n`, for the caller to wipe after use, and the chain without it. @throws E2eeError */
export function takeMessageKey<Chain extends MessageChain>(
  provider: CryptoProvider,
  chain: Chain,
  n: number,
): { chain: Chain; messageKey: Bytes } {
  if (n < chain.n) {
    const found = chain.skipped.find((key) => key.n === n);
    if (!found) throw new E2eeError('duplicate-message', 'the message was opened before');
    return {
      chain: { ...chain, skipped: chain.skipped.filter((key) => key !== found) },
      messageKey: found.messageKey.slice(),
    };
  }
  const at = skipTo(provider, chain, n);
  if (at.chainKey === undefined) throw new E2eeError('bad-message', 'the chain has ended');
  const { chainKey, messageKey } = kdfChain(provider, at.chainKey);
  return { chain: { ...at, chainKey, n: n + 1 }, messageKey };
}

/** No more skipped keys in all than the bound, the oldest going first. Newest chain last. */
export function boundSkipped<Chain extends MessageChain>(chains: readonly Chain[]): Chain[] {
  let excess = chains.reduce((sum, chain) => sum + chain.skipped.length, 0) - SKIPPED_KEYS_MAX;
  return chains.map((chain) => {
    const drop = Math.min(Math.max(excess, 0), chain.skipped.length);
    excess -= drop;
    return drop === 0 ? chain : { ...chain, skipped: chain.skipped.slice(drop) };
  });
}
