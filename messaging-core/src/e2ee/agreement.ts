// The key agreement of X3DH and PQXDH ('The PQXDH Key Agreement Protocol',
// Signal, revision 3, 2024, §2.2 and §3.3) without any wire format: curve X25519,
// hash SHA-256, F = 32 bytes of 0xFF. All keys here are in their X25519 form.
import { concatBytes } from '@carillon/protocol';
import type { CryptoProvider } from './provider.ts';
import { agree } from './x25519Strict.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const F = new Uint8Array(32).fill(0xff);
const ZERO_SALT = new Uint8Array(32);

/** DH1 to DH4 as the initiator computes them. @throws Error on a key of low order or not canonical */
export function initiatorAgreements(
  provider: CryptoProvider,
  secrets: { readonly identity: Uint8Array; readonly ephemeral: Uint8Array },
  remote: {
    readonly identity: Uint8Array;
    readonly signedPrekey: Uint8Array;
    readonly oneTimePrekey: Uint8Array | undefined;
  },
): Bytes[] {
  const agreements = [
    agree(provider, secrets.identity, remote.signedPrekey),
    agree(provider, secrets.ephemeral, remote.identity),
    agree(provider, secrets.ephemeral, remote.signedPrekey),
  ];
  if (remote.oneTimePrekey) agreements.push(agree(provider, secrets.ephemeral, remote.oneTimePrekey));
  return agreements;
}

/** The same, as the responder computes them. @throws Error on a key of low order or not canonical */
export function responderAgreements(
  provider: CryptoProvider,
  secrets: {
    readonly identity: Uint8Array;
    readonly signedPrekey: Uint8Array;
    readonly oneTimePrekey: Uint8Array | undefined;
  },
  remote: { readonly identity: Uint8Array; readonly ephemeral: Uint8Array },
): Bytes[] {
  const agreements = [
    agree(provider, secrets.signedPrekey, remote.identity),
    agree(provider, secrets.identity, remote.ephemeral),
    agree(provider, secrets.signedPrekey, remote.ephemeral),
  ];
  if (secrets.oneTimePrekey) agreements.push(agree(provider, secrets.oneTimePrekey, remote.ephemeral));
  return agreements;
}

/**
 * KDF(DH1 || ... || SS): PQXDH with the KEM's shared secret, X3DH without one.
 * Wipes the secrets it was given.
 */
export function deriveAgreed(
  provider: CryptoProvider,
  info: Uint8Array,
  agreements: readonly Bytes[],
  kemSecret: Bytes | undefined,
  lengthBytes: number,
): Bytes {
  const secrets = kemSecret ? [...agreements, kemSecret] : agreements;
  const material = concatBytes(F, ...secrets);
  const output = provider.hkdfSha256(material, ZERO_SALT, info, lengthBytes);
  for (const secret of [material, ...secrets]) secret.fill(0);
  return output;
}
