// X3DH, from 'The X3DH Key Agreement Protocol' (Signal, revision 1, 2016):
// curve X25519, hash SHA-256, F = 32 bytes of 0xFF (§2.1-2.2), the messages of
// §3.3 and §3.4. Identities are Ed25519 and enter DH in their X25519 form.
// Its version byte lets another handshake (PQXDH) stand beside it.
import { type Address, addressKey, concatBytes, utf8 } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import { type Identity, type PrekeyBundle, verifySignedPrekey } from './keys.ts';
import { SESSION_TAG_BYTES } from './pqxdh.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const X3DH_VERSION = 1;
/** version, identity, ephemeral, signed prekey id, one-time prekey id (0: none). */
export const X3DH_HEADER_BYTES = 1 + 32 + 32 + 4 + 4;

const INFO = utf8('Carillon X3DH v1');
const F = new Uint8Array(32).fill(0xff);
const ZERO_SALT = new Uint8Array(32);
/** Encode(PK): names the curve, so that another curve's key is never taken for this one's (§2.1). */
const ENCODED_ED25519 = Uint8Array.of(1);

/** What both sides hold after the handshake. */
export interface HandshakeResult {
  readonly sharedSecret: Bytes;
  /** Names the session on the wire. Not secret; derived beside the secret, so both sides agree on it. */
  readonly tag: Bytes;
  readonly associatedData: Bytes;
  /** The initiator's message, whole; a repeat of it is known by it. */
  readonly header: Bytes;
}

export interface X3dhHeader {
  readonly identityKey: Bytes;
  readonly ephemeralKey: Bytes;
  readonly signedPrekeyId: number;
  readonly oneTimePrekeyId: number | undefined;
}

export function encodeX3dhHeader(header: X3dhHeader): Bytes {
  const ids = new DataView(new ArrayBuffer(8));
  ids.setUint32(0, header.signedPrekeyId);
  ids.setUint32(4, header.oneTimePrekeyId ?? 0);
  return concatBytes(Uint8Array.of(X3DH_VERSION), header.identityKey, header.ephemeralKey, new Uint8Array(ids.buffer));
}

/** @throws E2eeError bad-message */
export function decodeX3dhHeader(bytes: Uint8Array): X3dhHeader {
  if (bytes.length < X3DH_HEADER_BYTES || bytes[0] !== X3DH_VERSION) {
    throw new E2eeError('bad-message', 'not a handshake of a known version');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const oneTime = view.getUint32(69);
  return {
    identityKey: new Uint8Array(bytes.subarray(1, 33)),
    ephemeralKey: new Uint8Array(bytes.subarray(33, 65)),
    signedPrekeyId: view.getUint32(65),
    oneTimePrekeyId: oneTime === 0 ? undefined : oneTime,
  };
}

// Beyond Encode(IK_A) || Encode(IK_B), §3.3 lets AD bind identifying information:
// the addresses, so that a server cannot pass one device's message off as
// another's, and the whole header, since X25519 ignores a bit of the ephemeral
// key (RFC 7748 §5) and a changed one would otherwise open.
function associatedData(
  initiator: { key: Uint8Array; address: Address },
  responder: { key: Uint8Array; address: Address },
  header: Bytes,
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
    header,
  );
}

function derive(provider: CryptoProvider, agreements: readonly Uint8Array[]): { sharedSecret: Bytes; tag: Bytes } {
  const output = provider.hkdfSha256(concatBytes(F, ...agreements), ZERO_SALT, INFO, 32 + SESSION_TAG_BYTES);
  return { sharedSecret: output.slice(0, 32), tag: output.slice(32) };
}

/**
 * The initiator's side (§3.3).
 * @throws E2eeError bad-signature; Error on a low-order key
 */
export function initiateX3dh(
  provider: CryptoProvider,
  input: {
    readonly identity: Identity;
    readonly local: Address;
    readonly remote: Address;
    readonly bundle: PrekeyBundle;
  },
): HandshakeResult {
  const { identity, bundle } = input;
  verifySignedPrekey(provider, bundle.identityKey, bundle.signedPrekey);
  const ephemeral = provider.x25519KeyPair(provider.randomBytes(32));
  const remoteIdentity = provider.identityToX25519Public(bundle.identityKey);
  const agreements = [
    provider.x25519(provider.identityToX25519Private(identity.seed), bundle.signedPrekey.publicKey),
    provider.x25519(ephemeral.privateKey, remoteIdentity),
    provider.x25519(ephemeral.privateKey, bundle.signedPrekey.publicKey),
  ];
  if (bundle.oneTimePrekey) agreements.push(provider.x25519(ephemeral.privateKey, bundle.oneTimePrekey.publicKey));
  const header = encodeX3dhHeader({
    identityKey: identity.publicKey,
    ephemeralKey: ephemeral.publicKey,
    signedPrekeyId: bundle.signedPrekey.id,
    oneTimePrekeyId: bundle.oneTimePrekey?.id,
  });
  return {
    ...derive(provider, agreements),
    associatedData: associatedData(
      { key: identity.publicKey, address: input.local },
      { key: bundle.identityKey, address: input.remote },
      header,
    ),
    header,
  };
}

/**
 * The responder's side (§3.4), with the prekeys that the header names.
 * @throws Error on a low-order key
 */
export function respondX3dh(
  provider: CryptoProvider,
  input: {
    readonly identity: Identity;
    readonly local: Address;
    readonly remote: Address;
    readonly header: X3dhHeader;
    readonly signedPrekey: KeyPair;
    readonly oneTimePrekey: KeyPair | undefined;
  },
): HandshakeResult {
  const { identity, header, signedPrekey, oneTimePrekey } = input;
  const agreements = [
    provider.x25519(signedPrekey.privateKey, provider.identityToX25519Public(header.identityKey)),
    provider.x25519(provider.identityToX25519Private(identity.seed), header.ephemeralKey),
    provider.x25519(signedPrekey.privateKey, header.ephemeralKey),
  ];
  if (oneTimePrekey) agreements.push(provider.x25519(oneTimePrekey.privateKey, header.ephemeralKey));
  const headerBytes = encodeX3dhHeader(header);
  return {
    ...derive(provider, agreements),
    associatedData: associatedData(
      { key: header.identityKey, address: input.remote },
      { key: identity.publicKey, address: input.local },
      headerBytes,
    ),
    header: headerBytes,
  };
}
