// Signed device lists as they come from the server: believed only as far as the
// signature of their first identity, the primary's, goes.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import { type AccountId, deviceListProof, LIMITS, type SignedDeviceList } from '@carillon/protocol';

export interface KnownDeviceList {
  readonly revision: number;
  /** The primary's first. */
  readonly identityKeys: readonly Uint8Array[];
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Undefined when there is none, or it is not signed by its own first identity. */
export function readDeviceList(
  crypto: CryptoProvider,
  accountId: AccountId,
  list: SignedDeviceList | undefined,
): KnownDeviceList | undefined {
  const primary = list?.identityKeys[0];
  if (!list || !primary || list.identityKeys.length > LIMITS.devicesPerAccountMax) return undefined;
  if (list.revision < 1 || list.identityKeys.some((key) => key.length !== 32)) return undefined;
  const proof = deviceListProof(accountId, list.revision, list.identityKeys);
  if (list.signature.length !== 64 || !crypto.ed25519Verify(primary, proof, list.signature)) return undefined;
  return { revision: list.revision, identityKeys: list.identityKeys.map((key) => new Uint8Array(key)) };
}
