export { type DeviceList, newerDeviceList, signDeviceList, verifyDeviceList } from './deviceList.ts';
export { E2eeError, type E2eeErrorCode } from './errors.ts';
export { signGroupChange, verifyGroupChange } from './groupChange.ts';
export {
  createIdentity,
  createKemPrekeys,
  createLastResortKemPrekey,
  createOneTimePrekeys,
  createSignedPrekey,
  type Identity,
  type KemPrekeyPair,
  type KemPrekeySecret,
  type OneTimePrekeyPair,
  type PrekeyBundle,
  type SignedPrekeyPair,
  type SignedPublicKey,
  verifyKemPrekey,
  verifySignedPrekey,
} from './keys.ts';
export {
  createLinkCode,
  type LinkCode,
  openFromLink,
  type PendingLink,
  parseLinkCode,
  sealForLink,
} from './linking.ts';
export { nobleProvider } from './noble.ts';
export { pad, paddedLength, unpad } from './padding.ts';
export type { CryptoProvider, KemEncapsulation, KeyPair } from './provider.ts';
export {
  compareSafetyCode,
  type SafetyComparison,
  type SafetyNumberParty,
  safetyCode,
  safetyNumber,
} from './safetyNumber.ts';
export {
  acceptDistribution,
  type ChainDistribution,
  createSenderChain,
  distributionOf,
  isSenderChainSpent,
  SENDER_CHAIN_AGE_MAX_MS,
  SENDER_CHAIN_MESSAGES_MAX,
  type SenderChain,
  type SenderKeyStates,
} from './senderKey.ts';
export { type SenderKeyContext, senderKeyDecrypt, senderKeyEncrypt } from './senderKeyMessage.ts';
export {
  type CiphertextKind,
  type Decrypted,
  type DecryptInput,
  decrypt,
  encrypt,
  type PrekeyLookup,
  type SessionRecord,
  type SessionState,
  startSession,
} from './session.ts';
