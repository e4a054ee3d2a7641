// Signed device lists as they come from the server: believed only as far as the
// signature of their first identity, the primary's, goes.
import { type CryptoProvider, E2eeError, verifyDeviceList } from '@carillon/messaging-core/e2ee';
import type { AccountId } from '@carillon/protocol';

export interface KnownDeviceList {
  readonly revision: number;
  /** The primary's first. */
  readonly identityKeys: readonly Uint8Array[];
}

/** A SignedDeviceList of the wire fits. */
export interface ClaimedDeviceList extends KnownDeviceList {
  readonly signature: Uint8Array;
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export const includesBytes = (keys: readonly Uint8Array[], key: Uint8Array): boolean =>
  keys.some((one) => sameBytes(one, key));

/** Undefined when there is none, or it is not signed by its own first identity. */
export function readDeviceList(
  crypto: CryptoProvider,
  accountId: AccountId,
  list: ClaimedDeviceList | undefined,
): KnownDeviceList | undefined {
  if (!list) return undefined;
  try {
    verifyDeviceList(crypto, accountId, list);
  } catch (error) {
    if (error instanceof E2eeError) return undefined;
    throw error;
  }
  return { revision: list.revision, identityKeys: list.identityKeys.map((key) => new Uint8Array(key)) };
}
