// The key derivations of the Double Ratchet (Signal, 'The Double Ratchet
// Algorithm', revision 1, 2016, §5.2).
import { utf8 } from '@carillon/protocol';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const ROOT_INFO = utf8('Carillon Ratchet v1');
const MESSAGE_INFO = utf8('Carillon Message v1');
const ZERO_SALT = new Uint8Array(32);
const MESSAGE_KEY_INPUT = Uint8Array.of(0x01);
const CHAIN_KEY_INPUT = Uint8Array.of(0x02);

/** KDF_RK: the root key is the salt, the DH output the input key material. */
export function kdfRoot(
  provider: CryptoProvider,
  rootKey: Uint8Array,
  agreement: Uint8Array,
): { rootKey: Bytes; chainKey: Bytes } {
  const output = provider.hkdfSha256(agreement, rootKey, ROOT_INFO, 64);
  return { rootKey: output.slice(0, 32), chainKey: output.slice(32) };
}

/** KDF_CK. */
export function kdfChain(provider: CryptoProvider, chainKey: Uint8Array): { chainKey: Bytes; messageKey: Bytes } {
  return {
    messageKey: provider.hmacSha256(chainKey, MESSAGE_KEY_INPUT),
    chainKey: provider.hmacSha256(chainKey, CHAIN_KEY_INPUT),
  };
}

/** A message key opens one message only, so that its nonce may be derived with it. */
export function expandMessageKey(provider: CryptoProvider, messageKey: Uint8Array): { key: Bytes; nonce: Bytes } {
  const output = provider.hkdfSha256(messageKey, ZERO_SALT, MESSAGE_INFO, 44);
  return { key: output.slice(0, 32), nonce: output.slice(32) };
}
