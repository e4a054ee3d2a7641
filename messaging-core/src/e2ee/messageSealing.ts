// How a message key seals its one message: AES-256-GCM. The key opens one message
// only, so that the nonce may be derived with it.
import { E2eeError } from './errors.ts';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const AEAD_TAG_BYTES = 16;
const ZERO_SALT = new Uint8Array(32);

function withKey<T>(
  provider: CryptoProvider,
  info: Uint8Array,
  messageKey: Uint8Array,
  use: (key: Bytes, nonce: Bytes) => T,
): T {
  const output = provider.hkdfSha256(messageKey, ZERO_SALT, info, 44);
  try {
    return use(output.subarray(0, 32), output.subarray(32));
  } finally {
    output.fill(0);
  }
}

export function sealWithMessageKey(
  provider: CryptoProvider,
  info: Uint8Array,
  messageKey: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Bytes {
  return withKey(provider, info, messageKey, (key, nonce) => provider.aeadSeal(key, nonce, plaintext, associatedData));
}

/** @throws E2eeError bad-message */
export function openWithMessageKey(
  provider: CryptoProvider,
  info: Uint8Array,
  messageKey: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Bytes {
  try {
    return withKey(provider, info, messageKey, (key, nonce) =>
      provider.aeadOpen(key, nonce, ciphertext, associatedData),
    );
  } catch (cause) {
    throw new E2eeError('bad-message', 'the message is not authentic', cause);
  }
}
