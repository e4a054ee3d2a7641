// What makes this family of protocols ours: labels, how message keys seal, and
// how messages look on the wire. The core (agreement, ratchet, sender keys) takes
// it as an argument; identities and their signatures are the CryptoProvider's.
import type { RatchetProfile } from './doubleRatchet.ts';
import { PQXDH_INFO } from './pqxdh.ts';
import { carillonRatchet, type SessionContext } from './ratchetMessage.ts';
import type { SenderKeyProfile } from './senderKey.ts';
import { carillonSenderKey, type SenderKeyContext } from './senderKeyMessage.ts';

export interface ProtocolProfile<Session, Group> {
  /** Info of the handshake's key derivation. */
  readonly agreementInfo: Uint8Array;
  readonly ratchet: RatchetProfile<Session>;
  readonly senderKey: SenderKeyProfile<Group>;
}

export const carillonProfile: ProtocolProfile<SessionContext, SenderKeyContext> = {
  agreementInfo: PQXDH_INFO,
  ratchet: carillonRatchet,
  senderKey: carillonSenderKey,
};
