// When a sender's chain of a group is made anew, and whom it has to be handed to.
// Who leaves must not read on, so what they hold is given up with them; who comes
// gets the chain as it stands, and cannot read what was said before.
import { SENDER_CHAIN_AGE_MAX_MS, SENDER_CHAIN_MESSAGES_MAX } from '@carillon/messaging-core/e2ee';

export interface ChainUse {
  readonly messages: number;
  readonly madeAtMs: number;
  /** Device addresses that hold it. */
  readonly given: readonly string[];
}

export type KeyPlan =
  | { readonly rotate: true }
  /** Addresses to hand it to before the next message. */
  | { readonly rotate: false; readonly lacking: readonly string[] };

/** `devices`: addresses of all devices of all members but ourselves. */
export function planKeys(chain: ChainUse | undefined, devices: readonly string[], nowMs: number): KeyPlan {
  if (!chain) return { rotate: true };
  const present = new Set(devices);
  const hasGone = chain.given.some((address) => !present.has(address));
  const isSpent = chain.messages >= SENDER_CHAIN_MESSAGES_MAX || nowMs - chain.madeAtMs >= SENDER_CHAIN_AGE_MAX_MS;
  if (hasGone || isSpent) return { rotate: true };
  const given = new Set(chain.given);
  return { rotate: false, lacking: devices.filter((address) => !given.has(address)) };
}
