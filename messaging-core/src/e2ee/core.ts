// The parts below sessions, for who speaks the same protocols with another
// profile: agreement without a wire format, ratchet and chains over plain state.
export { deriveAgreed, initiatorAgreements, responderAgreements } from './agreement.ts';
export {
  initiatorRatchet,
  type RatchetHeader,
  type RatchetMessage,
  type RatchetProfile,
  type RatchetState,
  ratchetDecrypt,
  ratchetEncrypt,
  responderRatchet,
} from './doubleRatchet.ts';
export { E2eeError } from './errors.ts';
export { carillonProfile, type ProtocolProfile } from './profile.ts';
export {
  type ChainDistribution,
  type ChainPosition,
  openInChain,
  type SenderChain,
  type SenderKeyMessage,
  type SenderKeyProfile,
  type SenderKeyState,
  type SenderKeyStates,
  sealInChain,
} from './senderKey.ts';
