// A call link as text: `<origin>/#call/<base64url>`. What makes it work stands
// behind the `#`, which browsers send to no server:
//
//   1 byte version | 16 bytes account of its owner | 16 bytes link id | 1 byte flags
//
// The link id is random and known to nobody else: who has it may knock.
import { type AccountId, accountIdSchema, base64urlToBytes, bytesToBase64url, ProtocolError } from '@carillon/protocol';

export interface CallLink {
  readonly owner: AccountId;
  readonly linkId: LinkId;
  readonly video: boolean;
}

/** 16 bytes in base64url. */
export type LinkId = string & { readonly __brand: 'LinkId' };

export const LINK_ID_BYTES = 16;
const VERSION = 1;
const BYTES = 1 + 16 + LINK_ID_BYTES + 1;
const VIDEO = 1;
/** Longer than any address that a person would paste; what lies beyond is not looked at. */
const TEXT_CHARACTERS_MAX = 2_048;
const FRAGMENT = /(?:^|#)\/?call\/([A-Za-z0-9_-]*)$/;

export function linkIdOf(bytes: Uint8Array): LinkId | undefined {
  return bytes.length === LINK_ID_BYTES ? (bytesToBase64url(bytes) as LinkId) : undefined;
}

/** `origin` without a trailing slash. */
export function encodeCallLink(origin: string, { owner, linkId, video }: CallLink): string {
  const bytes = new Uint8Array(BYTES);
  bytes[0] = VERSION;
  bytes.set(base64urlToBytes(owner), 1);
  bytes.set(base64urlToBytes(linkId), 17);
  bytes[BYTES - 1] = video ? VIDEO : 0;
  return `${origin}/#call/${bytesToBase64url(bytes)}`;
}

/** From a whole address, or what stands behind its `#`. @throws ProtocolError `invalid-request` */
export function decodeCallLink(text: string): CallLink {
  const trimmed = text.slice(0, TEXT_CHARACTERS_MAX).trim();
  const bytes = bytesOf(FRAGMENT.exec(trimmed)?.[1]);
  if (!bytes || bytes.length === 0) throw malformed();
  // Whatever a later version is made of.
  if (bytes[0] !== VERSION) {
    throw new ProtocolError('invalid-request', { words: 'This call link was made by a newer app.' });
  }
  const { success, data: owner } = accountIdSchema.safeParse(bytesToBase64url(bytes.subarray(1, 17)));
  const linkId = linkIdOf(bytes.subarray(17, 17 + LINK_ID_BYTES));
  if (bytes.length !== BYTES || !success || !linkId) throw malformed();
  return { owner, linkId, video: ((bytes[BYTES - 1] ?? 0) & VIDEO) !== 0 };
}

/** Whether an address is meant to be a call link, whole or not. */
export function looksLikeCallLink(text: string): boolean {
  return FRAGMENT.test(text.slice(0, TEXT_CHARACTERS_MAX).trim());
}

function bytesOf(base64url: string | undefined): Uint8Array | undefined {
  try {
    return base64url === undefined ? undefined : base64urlToBytes(base64url);
  } catch {
    return undefined;
  }
}

function malformed(): ProtocolError {
  return new ProtocolError('invalid-request', { words: 'This is no call link, or not the whole of it.' });
}
