export { E2eeError, type E2eeErrorCode } from './errors.ts';
export {
  createIdentity,
  createOneTimePrekeys,
  createSignedPrekey,
  type Identity,
  type OneTimePrekeyPair,
  type PrekeyBundle,
  type SignedPrekeyPair,
  verifySignedPrekey,
} from './keys.ts';
export { nobleProvider } from './noble.ts';
export { pad, paddedLength, unpad } from './padding.ts';
export type { CryptoProvider, KeyPair } from './provider.ts';
export { type SafetyNumberParty, safetyNumber } from './safetyNumber.ts';
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
