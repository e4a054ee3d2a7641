// Which devices belong to an account: a list signed by the first of them, the
// primary, whose identity is what peers trust.
import { type AccountId, deviceListProof, LIMITS } from '@carillon/protocol';
import { isStrictEd25519Key } from './ed25519Strict.ts';
import { equalBytes } from './equalBytes.ts';
import { E2eeError } from './errors.ts';
import type { Identity } from './keys.ts';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const REVISION_MAX = 2 ** 32 - 1;

/** A SignedDeviceList of the wire fits. */
export interface DeviceList {
  readonly revision: number;
  /** Ed25519; the primary first. */
  readonly identityKeys: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** @param others identities of the linked devices. @throws RangeError on a list that nobody would accept */
export function signDeviceList(
  provider: CryptoProvider,
  primary: Identity,
  accountId: AccountId,
  revision: number,
  others: readonly Uint8Array[],
): { revision: number; identityKeys: Bytes[]; signature: Bytes } {
  const identityKeys = [primary.publicKey, ...others].map((key) => new Uint8Array(key));
  if (!isWellFormed({ revision, identityKeys })) throw new RangeError('not a list of devices');
  const signature = provider.ed25519Sign(primary.seed, deviceListProof(accountId, revision, identityKeys));
  return { revision, identityKeys, signature };
}

/** That its first identity signed it for this account; whether that one is trusted is the caller's. @throws E2eeError bad-signature */
export function verifyDeviceList(provider: CryptoProvider, accountId: AccountId, list: DeviceList): void {
  const authentic =
    isWellFormed(list) &&
    provider.ed25519Verify(
      list.identityKeys[0]!,
      deviceListProof(accountId, list.revision, list.identityKeys),
      list.signature,
    );
  if (!authentic) throw new E2eeError('bad-signature', 'the list of devices is not signed by its first');
}

/**
 * The list to go by from now on: the one offered, unless one as new is known.
 * @throws E2eeError untrusted-identity when another primary signed it, bad-signature likewise
 *   when two lists of the same revision differ
 */
export function newerDeviceList<Known extends DeviceList>(
  provider: CryptoProvider,
  accountId: AccountId,
  trustedPrimary: Uint8Array,
  known: Known | undefined,
  offered: Known,
): Known {
  verifyDeviceList(provider, accountId, offered);
  if (!equalBytes(offered.identityKeys[0]!, trustedPrimary)) {
    throw new E2eeError('untrusted-identity', 'the list of devices is of another primary device');
  }
  if (!known || known.revision < offered.revision) return offered;
  if (known.revision === offered.revision && !sameKeys(known.identityKeys, offered.identityKeys)) {
    throw new E2eeError('bad-signature', 'there are two lists of devices of one revision');
  }
  return known;
}

function sameKeys(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((key, i) => equalBytes(key, b[i]!));
}

function isWellFormed({ revision, identityKeys }: Pick<DeviceList, 'revision' | 'identityKeys'>): boolean {
  const distinct = new Set(identityKeys.map((key) => key.join()));
  return (
    Number.isInteger(revision) &&
    revision >= 1 &&
    revision <= REVISION_MAX &&
    identityKeys.length >= 1 &&
    identityKeys.length <= LIMITS.devicesPerAccountMax &&
    distinct.size === identityKeys.length &&
    identityKeys.every(isStrictEd25519Key)
  );
}
