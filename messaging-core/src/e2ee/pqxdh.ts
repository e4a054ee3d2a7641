// PQXDH, from 'The PQXDH Key Agreement Protocol' (Signal, revision 3, 2024), with
// ML-KEM-1024 as its KEM: who records a handshake today and has a quantum computer
// later still lacks one of the secrets that were mixed. Identities are Ed25519 and
// enter DH in their X25519 form; they also sign the prekeys, so that authentication,
// unlike secrecy, rests on elliptic curves alone, as it does in the specification.
import { type Address, addressKey, concatBytes, utf8 } from '@carillon/protocol';
import { deriveAgreed, initiatorAgreements, responderAgreements } from './agreement.ts';
import { E2eeError } from './errors.ts';
import { type Identity, type PrekeyBundle, verifyKemPrekey, verifySignedPrekey } from './keys.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** 1 was X3DH. */
export const PQXDH_VERSION = 2;
const KEM_CIPHERTEXT_BYTES = 1_568;
/** version, identity, ephemeral, ids of signed, one-time (0: none) and KEM prekey, KEM ciphertext. */
export const PQXDH_HEADER_BYTES = 1 + 32 + 32 + 4 + 4 + 4 + KEM_CIPHERTEXT_BYTES;
export const SESSION_TAG_BYTES = 8;

/** pqkem_info (§2.2): protocol, curve, hash and KEM. */
export const PQXDH_INFO = utf8('Carillon PQXDH v1_CURVE25519_SHA-256_ML-KEM-1024');
/** EncodeEC and EncodeKEM begin with the algorithm, so that no key is taken for another one's (§2.1). */
const ENCODED_ED25519 = Uint8Array.of(1);
const ENCODED_ML_KEM_1024 = Uint8Array.of(2);

/** What both sides hold after the handshake. */
export interface HandshakeResult {
  readonly sharedSecret: Bytes;
  /** Names the session on the wire. Not secret; derived beside the secret, so both sides agree on it. */
  readonly tag: Bytes;
  readonly associatedData: Bytes;
}

export interface PqxdhHeader {
  readonly identityKey: Bytes;
  readonly ephemeralKey: Bytes;
  readonly signedPrekeyId: number;
  readonly oneTimePrekeyId: number | undefined;
  readonly kemPrekeyId: number;
  readonly kemCiphertext: Bytes;
}

export function encodePqxdhHeader(header: PqxdhHeader): Bytes {
  const ids = new DataView(new ArrayBuffer(12));
  ids.setUint32(0, header.signedPrekeyId);
  ids.setUint32(4, header.oneTimePrekeyId ?? 0);
  ids.setUint32(8, header.kemPrekeyId);
  return concatBytes(
    Uint8Array.of(PQXDH_VERSION),
    header.identityKey,
    header.ephemeralKey,
    new Uint8Array(ids.buffer),
    header.kemCiphertext,
  );
}

/** @throws E2eeError bad-message */
export function decodePqxdhHeader(bytes: Uint8Array): PqxdhHeader {
  if (bytes.length < PQXDH_HEADER_BYTES || bytes[0] !== PQXDH_VERSION) {
    throw new E2eeError('bad-message', 'not a handshake of a known version');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const oneTime = view.getUint32(69);
  return {
    identityKey: new Uint8Array(bytes.subarray(1, 33)),
    ephemeralKey: new Uint8Array(bytes.subarray(33, 65)),
    signedPrekeyId: view.getUint32(65),
    oneTimePrekeyId: oneTime === 0 ? undefined : oneTime,
    kemPrekeyId: view.getUint32(73),
    kemCiphertext: new Uint8Array(bytes.subarray(77, PQXDH_HEADER_BYTES)),
  };
}

// Beyond EncodeEC(IK_A) || EncodeEC(IK_B), §3.3 lets AD bind identifying
// information: the addresses, so that a server cannot pass one device's message
// off as another's; the whole header, since X25519 ignores a bit of the ephemeral
// key (RFC 7748 §5) and a changed one would otherwise open; and the KEM prekey
// so that a secret is never taken for one that was sealed to another prekey. The
// long ones as a hash, since a session keeps its AD.
function associatedData(
  provider: CryptoProvider,
  initiator: { key: Uint8Array; address: Address },
  responder: { key: Uint8Array; address: Address },
  header: Uint8Array,
  kemPublicKey: Uint8Array,
): Bytes {
  const address = (a: Address): Bytes => {
    const text = utf8(addressKey(a));
    return concatBytes(Uint8Array.of(text.length), text);
  };
  return concatBytes(
    ENCODED_ED25519,
    initiator.key,
    ENCODED_ED25519,
    responder.key,
    address(initiator.address),
    address(responder.address),
    provider.sha256(concatBytes(header, ENCODED_ML_KEM_1024, kemPublicKey)),
  );
}

function derive(
  provider: CryptoProvider,
  agreements: readonly Bytes[],
  kemSecret: Bytes,
): { sharedSecret: Bytes; tag: Bytes } {
  const output = deriveAgreed(provider, PQXDH_INFO, agreements, kemSecret, 32 + SESSION_TAG_BYTES);
  const derived = { sharedSecret: output.slice(0, 32), tag: output.slice(32) };
  output.fill(0);
  return derived;
}

/**
 * The initiator's side (§3.3).
 * @throws E2eeError bad-signature; Error on a low-order or malformed key
 */
export function initiatePqxdh(
  provider: CryptoProvider,
  input: {
    readonly identity: Identity;
    readonly local: Address;
    readonly remote: Address;
    readonly bundle: PrekeyBundle;
  },
): HandshakeResult & { readonly header: Bytes } {
  const { identity, bundle } = input;
  const { signedPrekey, oneTimePrekey, kemPrekey } = bundle;
  verifySignedPrekey(provider, bundle.identityKey, signedPrekey);
  verifyKemPrekey(provider, bundle.identityKey, kemPrekey);
  const remoteIdentity = provider.identityToX25519Public(bundle.identityKey);
  const ephemeral = provider.x25519KeyPair(provider.randomBytes(32));
  const secrets = { identity: provider.identityToX25519Private(identity.seed), ephemeral: ephemeral.privateKey };
  const agreements = initiatorAgreements(provider, secrets, {
    identity: remoteIdentity,
    signedPrekey: signedPrekey.publicKey,
    oneTimePrekey: oneTimePrekey?.publicKey,
  });
  secrets.identity.fill(0);
  secrets.ephemeral.fill(0);
  const kem = provider.kemEncapsulate(kemPrekey.publicKey);
  const header = encodePqxdhHeader({
    identityKey: identity.publicKey,
    ephemeralKey: ephemeral.publicKey,
    signedPrekeyId: signedPrekey.id,
    oneTimePrekeyId: oneTimePrekey?.id,
    kemPrekeyId: kemPrekey.id,
    kemCiphertext: kem.ciphertext,
  });
  const us = { key: identity.publicKey, address: input.local };
  const them = { key: bundle.identityKey, address: input.remote };
  return {
    ...derive(provider, agreements, kem.sharedSecret),
    associatedData: associatedData(provider, us, them, header, kemPrekey.publicKey),
    header,
  };
}

/**
 * The responder's side (§3.4), with the prekeys that the header names.
 * @throws Error on a low-order or malformed key
 */
export function respondPqxdh(
  provider: CryptoProvider,
  input: {
    readonly identity: Identity;
    readonly local: Address;
    readonly remote: Address;
    readonly header: PqxdhHeader;
    readonly signedPrekey: KeyPair;
    readonly oneTimePrekey: KeyPair | undefined;
    /** Its 64-byte seed. */
    readonly kemPrekey: Uint8Array;
  },
): HandshakeResult {
  const { identity, header, signedPrekey, oneTimePrekey } = input;
  const secrets = {
    identity: provider.identityToX25519Private(identity.seed),
    signedPrekey: signedPrekey.privateKey,
    oneTimePrekey: oneTimePrekey?.privateKey,
  };
  const agreements = responderAgreements(provider, secrets, {
    identity: provider.identityToX25519Public(header.identityKey),
    ephemeral: header.ephemeralKey,
  });
  secrets.identity.fill(0);
  const kem = provider.kemKeyPair(input.kemPrekey);
  const kemSecret = provider.kemDecapsulate(kem.privateKey, header.kemCiphertext);
  kem.privateKey.fill(0);
  const them = { key: header.identityKey, address: input.remote };
  const us = { key: identity.publicKey, address: input.local };
  return {
    ...derive(provider, agreements, kemSecret),
    associatedData: associatedData(provider, them, us, encodePqxdhHeader(header), kem.publicKey),
  };
}
