// The keys that a device publishes, checked before they are handed to others.
import { base64urlToBytes, kemPrekeyProof, type NewDeviceBody, ProtocolError, prekeyProof } from '@carillon/protocol';
import type { KemPrekeyRecord, NewDevice, OneTimePrekeyRecord, SignedPrekeyRecord } from './messagingStore.ts';
import { isMlKem1024Key, isStrictEd25519Key, isStrictX25519Key, verifyEd25519 } from './publicKeys.ts';

/**
 * @param proof base64url, by the identity that the device names, over `proven`
 * @throws ProtocolError `invalid-request`, `signature-invalid`
 */
export function checkedNewDevice(body: NewDeviceBody, proof: string, proven: Uint8Array): NewDevice {
  const identityKey = decoded(body.identityKey);
  if (!isStrictEd25519Key(identityKey)) throw new ProtocolError('invalid-request');
  if (!verifyEd25519(identityKey, proven, decoded(proof))) throw new ProtocolError('signature-invalid');
  const signedPrekey = signedOf(body.signedPrekey);
  checkSignedPrekey(identityKey, signedPrekey);
  const oneTimePrekeys = body.oneTimePrekeys.map(({ id, publicKey }) => ({ id, publicKey: decoded(publicKey) }));
  checkOneTimePrekeys(oneTimePrekeys);
  const kemPrekeys = body.kemPrekeys.map(signedOf);
  const lastResortKemPrekey = signedOf(body.lastResortKemPrekey);
  checkKemPrekeys(identityKey, [...kemPrekeys, lastResortKemPrekey]);
  return { identityKey, signedPrekey, oneTimePrekeys, kemPrekeys, lastResortKemPrekey };
}

/** @throws ProtocolError `invalid-request`, `signature-invalid` */
export function checkSignedPrekey(identityKey: Uint8Array, prekey: SignedPrekeyRecord): void {
  if (!isStrictX25519Key(prekey.publicKey)) throw new ProtocolError('invalid-request');
  if (!verifyEd25519(identityKey, prekeyProof(prekey.id, prekey.publicKey), prekey.signature))
    throw new ProtocolError('signature-invalid');
}

/** @throws ProtocolError `invalid-request` on a bad key or an id given twice */
export function checkOneTimePrekeys(prekeys: readonly OneTimePrekeyRecord[]): void {
  if (!haveOwnIds(prekeys) || !prekeys.every(({ publicKey }) => isStrictX25519Key(publicKey)))
    throw new ProtocolError('invalid-request');
}

/** @throws ProtocolError `invalid-request` on a bad key or an id given twice, `signature-invalid` */
export function checkKemPrekeys(identityKey: Uint8Array, prekeys: readonly KemPrekeyRecord[]): void {
  if (!haveOwnIds(prekeys) || !prekeys.every(({ publicKey }) => isMlKem1024Key(publicKey)))
    throw new ProtocolError('invalid-request');
  for (const { id, publicKey, signature } of prekeys) {
    if (!verifyEd25519(identityKey, kemPrekeyProof(id, publicKey), signature))
      throw new ProtocolError('signature-invalid');
  }
}

/** @throws ProtocolError `invalid-request` on what is not canonical base64url */
export function decoded(text: string): Uint8Array<ArrayBuffer> {
  try {
    return base64urlToBytes(text);
  } catch (cause) {
    throw new ProtocolError('invalid-request', { cause });
  }
}

function haveOwnIds(prekeys: readonly { readonly id: number }[]): boolean {
  return new Set(prekeys.map(({ id }) => id)).size === prekeys.length;
}

function signedOf(prekey: { id: number; publicKey: string; signature: string }): SignedPrekeyRecord {
  return { id: prekey.id, publicKey: decoded(prekey.publicKey), signature: decoded(prekey.signature) };
}
