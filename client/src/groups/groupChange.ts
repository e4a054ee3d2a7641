// Making one step of a group's roster: signed by this device, bound to the roster
// it changes.
import type { CryptoProvider, Identity } from '@carillon/messaging-core/e2ee';
import {
  type Address,
  type GroupRosterChange,
  groupChangeBytes,
  groupChangeProof,
  groupRosterDigest,
} from '@carillon/protocol';
import { type GroupRecord, rosterOf } from './groupRecord.ts';
import { type GroupState, sealState } from './groupState.ts';

export interface Wanted {
  readonly put?: GroupRosterChange['put'];
  readonly removed?: GroupRosterChange['removed'];
  readonly state?: GroupState;
}

export interface MadeChange {
  readonly change: GroupRosterChange;
  readonly madeAtMs: number;
  readonly sealedState: Uint8Array<ArrayBuffer> | undefined;
  readonly signed: {
    readonly change: Uint8Array<ArrayBuffer>;
    readonly by: Address;
    readonly signature: Uint8Array<ArrayBuffer>;
  };
}

/** `isFirst`: the creation, of the members in `put`. */
export function makeChange(
  crypto: CryptoProvider,
  identity: Identity,
  by: Address,
  group: GroupRecord,
  wanted: Wanted,
  madeAtMs: number,
  isFirst = false,
): MadeChange {
  const { groupId, key, revision } = group;
  const sealedState = wanted.state && sealState(crypto, key, groupId, wanted.state);
  const change: GroupRosterChange = {
    groupId,
    revision: isFirst ? 1 : revision + 1,
    previousDigest: isFirst ? new Uint8Array() : groupRosterDigest(rosterOf(group)),
    put: wanted.put ?? [],
    removed: wanted.removed ?? [],
    changesState: sealedState !== undefined,
  };
  const bytes = groupChangeBytes(change, sealedState, Math.trunc(madeAtMs));
  const signature = crypto.ed25519Sign(identity.seed, groupChangeProof(bytes));
  return { change, madeAtMs, sealedState, signed: { change: bytes, by, signature } };
}
