// Our Sender Key messages on the wire: version, chain, iteration, the AEAD's
// output, and a signature over all of it together with the group and the sender,
// so that a server cannot move a message to another group or to another sender.
import { type Address, addressKey, concatBytes, type GroupId, utf8 } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import { AEAD_TAG_BYTES, openWithMessageKey, sealWithMessageKey } from './messageSealing.ts';
import type { CryptoProvider } from './provider.ts';
import {
  CHAIN_ID_BYTES,
  openInChain,
  type SenderChain,
  type SenderKeyMessage,
  type SenderKeyProfile,
  type SenderKeyStates,
  sealInChain,
} from './senderKey.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const SENDER_KEY_VERSION = 1;
export const SENDER_KEY_HEADER_BYTES = 1 + CHAIN_ID_BYTES + 4;
const SIGNATURE_BYTES = 64;
const MESSAGE_INFO = utf8('Carillon Sender Key v1');
const SIGNED_DOMAIN = utf8('carillon sender key message v1\0');

/** What a group message is bound to beside its chain. */
export interface SenderKeyContext {
  readonly groupId: GroupId;
  readonly sender: Address;
}

function encodeContext({ groupId, sender }: SenderKeyContext): Bytes {
  const [group, address] = [utf8(groupId), utf8(addressKey(sender))];
  return concatBytes(Uint8Array.of(group.length), group, Uint8Array.of(address.length), address);
}

export const carillonSenderKey: SenderKeyProfile<SenderKeyContext> = {
  sealMessage(provider, messageKey, context, { chainId, iteration }, plaintext) {
    const counter = new DataView(new ArrayBuffer(4));
    counter.setUint32(0, iteration);
    const header = concatBytes(Uint8Array.of(SENDER_KEY_VERSION), chainId, new Uint8Array(counter.buffer));
    const associatedData = concatBytes(encodeContext(context), header);
    return concatBytes(header, sealWithMessageKey(provider, MESSAGE_INFO, messageKey, plaintext, associatedData));
  },
  signedBytes: (context, unsigned) => concatBytes(SIGNED_DOMAIN, encodeContext(context), unsigned),
  openMessage(provider, messageKey, context, { headerBytes, body }) {
    const associatedData = concatBytes(encodeContext(context), headerBytes);
    return openWithMessageKey(provider, MESSAGE_INFO, messageKey, body, associatedData);
  },
};

/** @throws E2eeError bad-message */
export function splitSenderKeyMessage(message: Uint8Array): SenderKeyMessage {
  const isOurs =
    message.length >= SENDER_KEY_HEADER_BYTES + AEAD_TAG_BYTES + SIGNATURE_BYTES && message[0] === SENDER_KEY_VERSION;
  if (!isOurs) throw new E2eeError('bad-message', 'not a sender key message of a known version');
  const signatureAt = message.length - SIGNATURE_BYTES;
  return {
    chainId: new Uint8Array(message.subarray(1, 1 + CHAIN_ID_BYTES)),
    iteration: new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(1 + CHAIN_ID_BYTES),
    unsigned: message.subarray(0, signatureAt),
    headerBytes: message.subarray(0, SENDER_KEY_HEADER_BYTES),
    body: message.subarray(SENDER_KEY_HEADER_BYTES, signatureAt),
    signature: message.subarray(signatureAt),
  };
}

/** Padding is the caller's. The chain returned is for keeping before the message is sent. */
export function senderKeyEncrypt(
  provider: CryptoProvider,
  chain: SenderChain,
  context: SenderKeyContext,
  plaintext: Uint8Array,
): { chain: SenderChain; message: Bytes } {
  return sealInChain(provider, carillonSenderKey, chain, context, plaintext);
}

/**
 * @param states of the device that the message came from, in this group
 * @throws E2eeError no-sender-key, bad-message, duplicate-message, too-far-ahead; the states stay as they were
 */
export function senderKeyDecrypt(
  provider: CryptoProvider,
  states: SenderKeyStates,
  context: SenderKeyContext,
  message: Uint8Array,
): { states: SenderKeyStates; plaintext: Bytes } {
  return openInChain(provider, carillonSenderKey, states, context, splitSenderKeyMessage(message));
}
