// Sender keys (RFC 9605 §5.1). One room has several senders, so the KID names
// the participant above the generation and the ratchet step that the RFC puts
// there: number << 16 | generation << 8 | step, of the latter two the low 8 bits.

export interface KidParts {
  /** The participant's number in the roster, unique within the call. */
  readonly participant: number;
  /** Counts the sender's fresh keys. */
  readonly generation: number;
  /** Counts the ratchet's steps from a fresh key. */
  readonly step: number;
}

export const STEPS_IN_KID = 256;

export function encodeKid({ participant, generation, step }: KidParts): bigint {
  return (BigInt(participant) << 16n) | (BigInt(generation & 0xff) << 8n) | BigInt(step & 0xff);
}

/** Of generation and step only the low 8 bits are known. */
export function decodeKid(kid: bigint): KidParts {
  return {
    participant: Number(kid >> 16n),
    generation: Number((kid >> 8n) & 0xffn),
    step: Number(kid & 0xffn),
  };
}
