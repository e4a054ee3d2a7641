// The key derivations of the Double Ratchet (Signal, 'The Double Ratchet
// Algorithm', revision 1, 2016, §5.2).
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const MESSAGE_KEY_INPUT = Uint8Array.of(0x01);
const CHAIN_KEY_INPUT = Uint8Array.of(0x02);

/** KDF_RK: the root key is the salt, the DH output the input key material; that one is wiped. */
export function kdfRoot(
  provider: CryptoProvider,
  info: Uint8Array,
  rootKey: Uint8Array,
  agreement: Bytes,
): { rootKey: Bytes; chainKey: Bytes } {
  const output = provider.hkdfSha256(agreement, rootKey, info, 64);
  const derived = { rootKey: output.slice(0, 32), chainKey: output.slice(32) };
  output.fill(0);
  agreement.fill(0);
  return derived;
}

/** KDF_CK. */
export function kdfChain(provider: CryptoProvider, chainKey: Uint8Array): { chainKey: Bytes; messageKey: Bytes } {
  return {
    messageKey: provider.hmacSha256(chainKey, MESSAGE_KEY_INPUT),
    chainKey: provider.hmacSha256(chainKey, CHAIN_KEY_INPUT),
  };
}
