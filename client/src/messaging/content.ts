// Contents as bytes: encoded, padded, bounded; and what is believed of a received one.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { pad, unpad } from '@carillon/messaging-core/e2ee';
import { type Content, ContentSchema, type GroupId, LIMITS, ProtocolError } from '@carillon/protocol';
import type { Account } from '../model.ts';
import type { ContentBody } from './contentChannel.ts';

/** The handshake, the ratchet header and the tag around a padded plaintext, with room to spare. */
const SEALING_BYTES = 512;

export interface ContentExtras {
  /** Said in this group. */
  readonly groupId?: GroupId | undefined;
  /** Lets the recipient see our presence. */
  readonly presenceKey?: Uint8Array<ArrayBuffer> | undefined;
}

/** @throws ProtocolError `frame-too-large` */
export function encodeContent(
  account: Account,
  body: ContentBody | undefined,
  nowMs: number,
  { groupId, presenceKey }: ContentExtras = {},
): Uint8Array<ArrayBuffer> {
  const content = create(ContentSchema, {
    sentAtMs: BigInt(Math.trunc(nowMs)),
    senderHandle: account.handle,
    senderName: account.name,
    ...(body ? { body } : {}),
    ...(groupId ? { groupId } : {}),
    ...(presenceKey ? { presenceKey } : {}),
  });
  const padded = pad(toBinary(ContentSchema, content));
  if (padded.length + SEALING_BYTES > LIMITS.envelopeBytesMax) {
    throw new ProtocolError('frame-too-large', { words: 'The message is too long to be sent.' });
  }
  return padded;
}

/** @throws Error when it is no content */
export function decodeContent(padded: Uint8Array): Content {
  return fromBinary(ContentSchema, unpad(padded));
}
