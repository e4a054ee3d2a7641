// Following a group from the roster one knows to the one the server shows: each
// step has to be signed by a trusted device of somebody who might take it, and
// the end has to be what the server claims. Pure; who has the keys passes them in.
import {
  type AccountId,
  applyGroupChange,
  type GroupRoster,
  groupChangeProof,
  groupRosterDigest,
  ProtocolError,
  type ReadGroupChange,
} from '@carillon/protocol';

/** Whether the bytes were signed by this account: by an identity that is trusted, only by one that is not, or by none. */
export type Signer = 'trusted' | 'untrusted' | 'unknown';

export type VerifySigner = (account: AccountId, message: Uint8Array, signature: Uint8Array) => Signer;

export interface Step {
  readonly before: GroupRoster | undefined;
  readonly after: GroupRoster;
  readonly read: ReadGroupChange;
}

export type Followed =
  | { readonly outcome: 'followed'; readonly steps: readonly Step[]; readonly roster: GroupRoster }
  /** Steps are missing, or were signed by a device that is gone: a member has to vouch for what is now. */
  | { readonly outcome: 'gap' }
  /** Signed by an identity that the person has not accepted. */
  | { readonly outcome: 'identity-changed'; readonly accountId: AccountId };

/**
 * @param known undefined: from the group's creation on
 * @param claimed what the server says the roster is now
 * @throws ProtocolError `group-change-invalid` or what else of `applyGroupChange`: the server showed something
 * that no honest server can have
 */
export function followChanges(
  known: GroupRoster | undefined,
  changes: readonly ReadGroupChange[],
  claimed: GroupRoster,
  verify: VerifySigner,
): Followed {
  if (known && claimed.revision < known.revision) {
    throw lie('The server showed an older list of members than it did before.');
  }
  let roster = known;
  const steps: Step[] = [];
  for (const read of changes) {
    if (read.change.groupId !== claimed.groupId) throw lie('The server showed a change of another group.');
    // What we know already, repeated.
    if (known && read.change.revision <= known.revision) continue;
    if (read.change.revision !== (roster?.revision ?? 0) + 1) return { outcome: 'gap' };
    const { accountId } = read.by;
    const signer = verify(accountId, groupChangeProof(read.signedBytes), read.signature);
    if (signer === 'untrusted') return { outcome: 'identity-changed', accountId };
    if (signer === 'unknown') return { outcome: 'gap' };
    const after = applyGroupChange(roster, read.change, accountId);
    steps.push({ before: roster, after, read });
    roster = after;
  }
  if (!roster || roster.revision < claimed.revision) return { outcome: 'gap' };
  if (!sameRoster(roster, claimed)) throw lie('The server showed members that nobody has added.');
  return { outcome: 'followed', steps, roster };
}

export function sameRoster(a: GroupRoster, b: GroupRoster): boolean {
  const digest = groupRosterDigest(b);
  return groupRosterDigest(a).every((byte, i) => byte === digest[i]);
}

function lie(words: string): ProtocolError {
  return new ProtocolError('group-change-invalid', { words: `${words} It was not believed.` });
}
