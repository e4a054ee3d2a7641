// Name and picture of a group, sealed with the group's key: the server keeps them
// and cannot read them. Who was a member keeps the key: a name is no secret from
// those it was once told to.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CryptoProvider, pad, unpad } from '@carillon/messaging-core/e2ee';
import { concatBytes, type GroupId, GroupStateSchema, ProtocolError, utf8 } from '@carillon/protocol';

export const NAME_CHARACTERS_MAX = 100;
/** The sealed state is at most 32 KiB, padded. */
export const PICTURE_BYTES_MAX = 24 * 1024;
const NONCE_BYTES = 12;

export interface GroupState {
  readonly name: string;
  readonly picture: Uint8Array<ArrayBuffer> | undefined;
}

/** @throws ProtocolError with words for the person */
export function checkedState({ name, picture }: GroupState): GroupState {
  const trimmed = name.trim().slice(0, NAME_CHARACTERS_MAX);
  if (trimmed === '') throw new ProtocolError('invalid-request', { words: 'A group needs a name.' });
  if (picture && picture.length > PICTURE_BYTES_MAX) {
    const words = `The picture is larger than ${PICTURE_BYTES_MAX / 1024} KB.`;
    throw new ProtocolError('frame-too-large', { words });
  }
  return { name: trimmed, picture: picture?.length ? picture : undefined };
}

const associated = (groupId: GroupId) => utf8(`carillon group state v1\0${groupId}`);

export function sealState(
  crypto: CryptoProvider,
  key: Uint8Array,
  groupId: GroupId,
  { name, picture }: GroupState,
): Uint8Array<ArrayBuffer> {
  const plaintext = pad(
    toBinary(GroupStateSchema, create(GroupStateSchema, { name, ...(picture ? { picture } : {}) })),
  );
  const nonce = crypto.randomBytes(NONCE_BYTES);
  return concatBytes(nonce, crypto.aeadSeal(key, nonce, plaintext, associated(groupId)));
}

/** Undefined when it does not open. */
export function openState(
  crypto: CryptoProvider,
  key: Uint8Array,
  groupId: GroupId,
  sealed: Uint8Array,
): GroupState | undefined {
  try {
    const nonce = sealed.slice(0, NONCE_BYTES);
    const plaintext = crypto.aeadOpen(key, nonce, sealed.slice(NONCE_BYTES), associated(groupId));
    const { name, picture } = fromBinary(GroupStateSchema, unpad(plaintext));
    const isFit = picture.length > 0 && picture.length <= PICTURE_BYTES_MAX;
    return {
      name: name.slice(0, NAME_CHARACTERS_MAX) || 'Group',
      picture: isFit ? new Uint8Array(picture) : undefined,
    };
  } catch {
    return undefined;
  }
}
