// What passes between a new device and the primary when one is linked. The new
// device shows a code with a fresh X25519 key, which goes from screen to camera and
// never to the server: only who saw the code can seal for it, and that the sealed
// reply opens tells the new device that it comes from who scanned its screen.
import { base64urlToBytes, bytesToBase64url, concatBytes, utf8 } from '@carillon/protocol';
import { isStrictEd25519Key } from './ed25519Strict.ts';
import { E2eeError } from './errors.ts';
import type { Identity } from './keys.ts';
import { AEAD_TAG_BYTES } from './messageSealing.ts';
import { pad, unpad } from './padding.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';
import { agree } from './x25519Strict.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const INFO = utf8('Carillon link v1\0');
const ZERO_SALT = new Uint8Array(32);
const KEY_BYTES = 32;
const CODE = /^carillon:link\?v=1&id=([0-9a-f]{32})&key=([A-Za-z0-9_-]{43})&identity=([A-Za-z0-9_-]{43})$/;

/** What the code tells. */
export interface LinkCode {
  readonly linkId: string;
  /** The new device's X25519 key for this link alone. */
  readonly key: Bytes;
  /** The new device's Ed25519 identity. */
  readonly identityKey: Bytes;
}

/** Kept by the new device while its code is shown. */
export interface PendingLink {
  readonly linkId: string;
  readonly keyPair: KeyPair;
  readonly identityKey: Bytes;
  /** To be shown, as a QR code or as text. */
  readonly code: string;
}

/** @param linkId 32 hexadecimal digits, from the server */
export function createLinkCode(
  provider: CryptoProvider,
  identity: Pick<Identity, 'publicKey'>,
  linkId: string,
): PendingLink {
  const keyPair = provider.x25519KeyPair(provider.randomBytes(KEY_BYTES));
  const [key, identityText] = [keyPair.publicKey, identity.publicKey].map(bytesToBase64url);
  const code = `carillon:link?v=1&id=${linkId}&key=${key}&identity=${identityText}`;
  return { linkId, keyPair, identityKey: identity.publicKey, code };
}

/** Strict: one text for each code; space around it is taken for what copying left. @throws E2eeError bad-link-code */
export function parseLinkCode(text: string): LinkCode {
  const parts = CODE.exec(text.trim());
  if (!parts) throw new E2eeError('bad-link-code', 'this is not a link code');
  const [, linkId, key, identity] = parts;
  try {
    const code = { linkId: linkId!, key: base64urlToBytes(key!), identityKey: base64urlToBytes(identity!) };
    if (!isStrictEd25519Key(code.identityKey)) throw new Error('not an identity');
    return code;
  } catch (cause) {
    throw new E2eeError('bad-link-code', 'a key of the link code is malformed', cause);
  }
}

// Beside the secret, the key depends on everything that the two must agree about.
function sealing(
  provider: CryptoProvider,
  link: Pick<LinkCode, 'linkId' | 'identityKey'>,
  keys: {
    readonly own: Uint8Array;
    readonly remote: Uint8Array;
    readonly link: Uint8Array;
    readonly offer: Uint8Array;
  },
): { key: Bytes; nonce: Bytes; associatedData: Bytes } {
  const context = concatBytes(INFO, utf8(link.linkId), keys.link, link.identityKey, keys.offer);
  const agreement = agree(provider, keys.own, keys.remote);
  const output = provider.hkdfSha256(agreement, ZERO_SALT, context, 44);
  agreement.fill(0);
  return { key: output.subarray(0, 32), nonce: output.subarray(32), associatedData: context };
}

/**
 * By the primary: a fresh public key and the padded plaintext, sealed.
 * @throws E2eeError bad-link-code when the code's key is of low order
 */
export function sealForLink(provider: CryptoProvider, code: LinkCode, plaintext: Uint8Array): Bytes {
  const offer = provider.x25519KeyPair(provider.randomBytes(KEY_BYTES));
  try {
    const keys = { own: offer.privateKey, remote: code.key, link: code.key, offer: offer.publicKey };
    const { key, nonce, associatedData } = sealing(provider, code, keys);
    const body = provider.aeadSeal(key, nonce, pad(plaintext), associatedData);
    key.fill(0);
    return concatBytes(offer.publicKey, body);
  } catch (cause) {
    throw new E2eeError('bad-link-code', 'the key of the link code is not valid', cause);
  } finally {
    offer.privateKey.fill(0);
  }
}

/** By the new device. @throws E2eeError bad-message, bad-padding */
export function openFromLink(provider: CryptoProvider, link: PendingLink, sealed: Uint8Array): Bytes {
  if (sealed.length < KEY_BYTES + AEAD_TAG_BYTES) throw new E2eeError('bad-message', 'the offer is too short');
  const offer = sealed.subarray(0, KEY_BYTES);
  let padded: Bytes;
  try {
    const keys = { own: link.keyPair.privateKey, remote: offer, link: link.keyPair.publicKey, offer };
    const { key, nonce, associatedData } = sealing(provider, link, keys);
    padded = provider.aeadOpen(key, nonce, sealed.subarray(KEY_BYTES), associatedData);
    key.fill(0);
  } catch (cause) {
    throw new E2eeError('bad-message', 'the offer was not sealed for this link', cause);
  }
  return unpad(padded);
}
