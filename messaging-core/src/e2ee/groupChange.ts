// Who changed a group: an encoded GroupChange and its maker's signature. Whether
// the maker was entitled to it is applyGroupChange's to say (protocol/src/groups.ts).
import { groupChangeProof } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import type { Identity } from './keys.ts';
import type { CryptoProvider } from './provider.ts';

/** @param change a GroupChange, encoded once: what is signed is what is sent */
export function signGroupChange(
  provider: CryptoProvider,
  identity: Identity,
  change: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return provider.ed25519Sign(identity.seed, groupChangeProof(change));
}

/** @throws E2eeError bad-signature */
export function verifyGroupChange(
  provider: CryptoProvider,
  identityKey: Uint8Array,
  signed: { readonly change: Uint8Array; readonly signature: Uint8Array },
): void {
  if (!provider.ed25519Verify(identityKey, groupChangeProof(signed.change), signed.signature)) {
    throw new E2eeError('bad-signature', 'the change to the group is not signed by this identity');
  }
}
