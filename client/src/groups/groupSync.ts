// Bringing a group up to date: what the server says is fetched, checked step by
// step from what this device knew, and only then believed [GROUP-21].
import {
  type AccountId,
  accountIdSchema,
  addressKey,
  deviceIdSchema,
  type Group,
  type GroupId,
  type GroupRoleName,
  type GroupRoster,
  ProtocolError,
  readGroupChange,
  readGroupRoster,
} from '@carillon/protocol';
import { readContact } from '../contacts/contactRecord.ts';
import { sameBytes } from '../contacts/deviceLists.ts';
import { readConversationRecord, touchConversation } from '../conversations/conversations.ts';
import { addNotice, newMessageId } from '../conversations/writing.ts';
import { beginMark } from '../messaging/applyReceipt.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { Account } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';
import { type Followed, followChanges, type Step } from './core/chain.ts';
import { stepWords } from './core/words.ts';
import { ask, isMember } from './groupInbox.ts';
import { addChore } from './groupQueue.ts';
import { type GroupDevices, type GroupRecord, readGroup, rosterOf, writeDevices, writeGroup } from './groupRecord.ts';
import { openState } from './groupState.ts';
import { memberContact } from './groupView.ts';
import { knowSigners, type SignerParts } from './signers.ts';

/** Administrators who are asked about a group that cannot be followed any more: one answer is enough. */
const ASKED_MAX = 3;
/** A notice says no more names than a few. */
const NAMED_MAX = 16;

export interface SyncParts extends SignerParts {
  readonly socket: MessagingSocket;
  readonly account: () => Account;
  readonly now: () => number;
  /** There is something in the outbox. */
  readonly onQueued: () => void;
}

/** What a member says a group is, to one who does not know it. */
export interface Introduction {
  readonly groupId: GroupId;
  readonly from: AccountId;
  readonly key: Uint8Array<ArrayBuffer>;
  readonly revision: number;
  /** Of the sealed name and picture at that revision. */
  readonly stateDigest: Uint8Array;
  /** Undefined: the changes are checked from the creation on. */
  readonly members: readonly (readonly [AccountId, GroupRoleName])[] | undefined;
}

export type Synced =
  | { readonly outcome: 'current'; readonly group: GroupRecord; readonly devices: GroupDevices }
  /** A member has to introduce us to what is now. */
  | { readonly outcome: 'gap'; readonly group: GroupRecord }
  | { readonly outcome: 'gone' };

export class GroupSync {
  readonly #parts: SyncParts;

  constructor(parts: SyncParts) {
    this.#parts = parts;
  }

  /** @throws ProtocolError; what cannot be believed is said in the conversation, too */
  async refresh(groupId: GroupId): Promise<Synced> {
    const { ledger } = this.#parts;
    const group = await ledger.read((tx) => readGroup(tx, groupId));
    if (!group?.joined) return { outcome: 'gone' };
    const reply = await this.#fetch(groupId, group.revision);
    if (!reply) {
      await this.#leave(groupId, 'You are no longer in this group.');
      return { outcome: 'gone' };
    }
    try {
      const known = rosterOf(group);
      const followed = await this.#follow(groupId, known, reply);
      if (followed.outcome === 'gap') {
        await this.#askAdministrators(group);
        return { outcome: 'gap', group };
      }
      if (followed.outcome === 'identity-changed') throw await this.#unaccepted(followed.accountId);
      return await this.#take(group, followed, reply);
    } catch (error) {
      if (error instanceof ProtocolError && REFUSED.has(error.code)) await this.#say(groupId, error.message);
      throw error;
    }
  }

  /** Somebody has added us, or answers that we asked. @throws ProtocolError */
  async join(introduction: Introduction): Promise<Synced> {
    const { ledger, self } = this.#parts;
    const { groupId, key, revision, members, from } = introduction;
    const old = await ledger.read((tx) => readGroup(tx, groupId));
    // Who knows the group believes what it can check itself, unless that came to an end.
    const isWanted = !old || (revision >= old.revision && (!old.joined || (old.gap && isMember(old, from))));
    if (!isWanted) return { outcome: 'gone' };
    const base: GroupRoster | undefined = members && { groupId, revision, members: new Map(members) };
    const reply = await this.#fetch(groupId, base ? revision : 0);
    if (!reply || (reply.revision?.rosterRevision ?? 0) < revision) return { outcome: 'gone' };
    const followed = await this.#follow(groupId, base, reply);
    if (followed.outcome !== 'followed') return { outcome: 'gone' };
    const { roster } = followed;
    if (!roster.members.has(self)) return { outcome: 'gone' };
    const vouches = (base ?? roster).members.has(from) || followed.steps.some(({ after }) => after.members.has(from));
    if (!vouches) return { outcome: 'gone' };
    const { crypto } = this.#parts;
    const signed = newestState(followed.steps);
    const sealed =
      signed ?? (sameBytes(crypto.sha256(reply.sealedState), introduction.stateDigest) && reply.sealedState);
    const state = sealed ? openState(crypto, key, groupId, sealed) : undefined;
    const joining: GroupRecord = {
      groupId,
      key,
      revision: roster.revision,
      members: [...roster.members],
      name: state?.name ?? old?.name ?? 'Group',
      picture: state ? state.picture : old?.picture,
      stateDigest: signed ? crypto.sha256(signed) : new Uint8Array(introduction.stateDigest),
      joined: true,
      devicesRevision: 0n,
    };
    const joined = await this.#take(joining, followed, reply, { from, isNew: !old?.joined });
    if (!sealed) await this.#say(groupId, OTHER_STATE);
    return joined;
  }

  /** Undefined: there is no such group, or we are not in it. */
  async #fetch(groupId: GroupId, sinceRevision: number): Promise<Group | undefined> {
    try {
      const reply = await this.#parts.socket.request(
        { case: 'fetchGroup', value: { groupId, sinceRevision } },
        'group',
      );
      if (reply.revision?.groupId === groupId) return reply;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'group-unknown') return undefined;
      throw error;
    }
    throw new ProtocolError('malformed-frame', { words: 'The server showed another group than was asked for.' });
  }

  async #follow(groupId: GroupId, known: GroupRoster | undefined, reply: Group): Promise<Followed> {
    const changes = reply.changes.map(readGroupChange);
    const claimed = readGroupRoster(groupId, reply.revision?.rosterRevision ?? 0, reply.members);
    const signers = new Set(changes.map(({ by }) => by.accountId));
    return followChanges(known, changes, claimed, await knowSigners(this.#parts, signers));
  }

  async #take(
    group: GroupRecord,
    followed: Followed & { outcome: 'followed' },
    reply: Group,
    welcome?: { readonly from: AccountId; readonly isNew: boolean },
  ): Promise<Synced> {
    const { ledger, self, now } = this.#parts;
    const { roster, steps } = followed;
    const joined = roster.members.has(self);
    const next: GroupRecord = {
      ...group,
      ...(welcome ? {} : this.#stateAfter(group, steps)),
      revision: roster.revision,
      members: [...roster.members],
      joined,
      devicesRevision: reply.revision?.devicesRevision ?? 0n,
      gap: false,
    };
    const devices = devicesOf(reply, roster);
    if (!welcome) await this.#learnNames(steps);
    await ledger.change(async (tx, changes) => {
      // What another step has learnt meanwhile stands.
      if (((await readGroup(tx, group.groupId))?.revision ?? 0) > next.revision) return;
      await writeGroup(tx, next);
      for (const [account] of next.members) {
        if (group.revision < next.revision && !isMember(group, account))
          await beginMark(tx, group.groupId, account, now());
      }
      await writeDevices(tx, group.groupId, devices);
      await addChore(tx, { type: 'learn', groupId: group.groupId });
      changes.conversation(group.groupId);
      if (welcome) await this.#welcome(tx, changes, next, welcome);
      else await noteSteps(tx, changes, this.#parts, group, steps, next);
    });
    return joined ? { outcome: 'current', group: next, devices } : { outcome: 'gone' };
  }

  /** So that what happened can be said with names; nameless when the directory does not answer. */
  async #learnNames(steps: readonly Step[]): Promise<void> {
    const named = steps.flatMap(({ read: { change } }) => [
      ...change.put.map(({ accountId }) => accountId),
      ...change.removed,
    ]);
    const accounts = [...new Set(named)].filter((accountId) => accountId !== this.#parts.self);
    await Promise.allSettled(accounts.slice(0, NAMED_MAX).map((accountId) => this.#parts.directory.byId(accountId)));
  }

  /** The newest name and picture that a checked change carries. */
  #stateAfter(group: GroupRecord, steps: readonly Step[]): Partial<GroupRecord> {
    const sealed = newestState(steps);
    if (!sealed) return {};
    const stateDigest = this.#parts.crypto.sha256(sealed);
    return { ...openState(this.#parts.crypto, group.key, group.groupId, sealed), stateDigest };
  }

  async #welcome(
    tx: StoreTransaction,
    changes: Changes,
    { groupId }: GroupRecord,
    { from, isNew }: { readonly from: AccountId; readonly isNew: boolean },
  ): Promise<void> {
    const { now, self, crypto } = this.#parts;
    const trusted = from === self || (await readConversationRecord(tx, from))?.accepted === true;
    await touchConversation(tx, groupId, now(), { heard: true, accepted: trusted });
    if (!isNew || from === self) return;
    const words = `${(await memberContact(tx, from)).name} added you to the group.`;
    await addNotice(tx, changes, { id: newMessageId(crypto), conversation: groupId, words, atMs: now() });
  }

  /** Too much was missed, or a step cannot be checked: somebody who knows has to vouch for what is now. */
  async #askAdministrators(group: GroupRecord): Promise<void> {
    const { ledger, self, onQueued } = this.#parts;
    const { groupId } = group;
    const others = group.members.filter(([accountId]) => accountId !== self);
    const admins = others.filter(([, role]) => role === 'admin');
    const whom = (admins.length > 0 ? admins : others).slice(0, ASKED_MAX);
    await ledger.change(async (tx, changes) => {
      await writeGroup(tx, { ...group, gap: true });
      const words = 'What has changed in this group could not be checked. A member was asked about it.';
      await this.#note(tx, changes, groupId, words);
      for (const [accountId] of whom) await ask(tx, this.#parts, groupId, { accountId });
    });
    onQueued();
  }

  async #leave(groupId: GroupId, words: string): Promise<void> {
    await this.#parts.ledger.change(async (tx, changes) => {
      const group = await readGroup(tx, groupId);
      if (!group?.joined) return;
      await writeGroup(tx, { ...group, joined: false });
      await this.#note(tx, changes, groupId, words);
    });
  }

  async #say(groupId: GroupId, words: string): Promise<void> {
    await this.#parts.ledger.change((tx, changes) => this.#note(tx, changes, groupId, words));
  }

  async #note(tx: StoreTransaction, changes: Changes, groupId: GroupId, words: string): Promise<void> {
    const { crypto, now } = this.#parts;
    await addNotice(tx, changes, { id: newMessageId(crypto), conversation: groupId, words, atMs: now() });
    changes.conversation(groupId);
  }

  async #unaccepted(accountId: AccountId): Promise<ProtocolError> {
    const contact = await this.#parts.ledger.read((tx) => readContact(tx, accountId));
    const name = contact?.name ?? 'A member';
    return new ProtocolError('identity-changed', {
      words: `${name} changed the group, but their safety number has changed. Accept it to go on in this group.`,
    });
  }
}

const OTHER_STATE = 'The server showed another name and picture than this group has. They were not believed.';

const newestState = (steps: readonly Step[]) =>
  steps.findLast(({ read }) => read.sealedState !== undefined)?.read.sealedState;

/** Answers that no honest server gives, or that the person has to decide on. */
const REFUSED: ReadonlySet<string> = new Set([
  'group-change-invalid',
  'group-forbidden',
  'group-full',
  'identity-changed',
  'malformed-frame',
]);

/** Only those of members count. */
function devicesOf(reply: Group, roster: GroupRoster): GroupDevices {
  const addresses: string[] = [];
  for (const { accountId, deviceIds } of reply.devices) {
    const account = accountIdSchema.safeParse(accountId);
    if (!account.success || !roster.members.has(account.data)) continue;
    for (const device of deviceIds) {
      const deviceId = deviceIdSchema.safeParse(device);
      if (deviceId.success) addresses.push(addressKey({ accountId: account.data, deviceId: deviceId.data }));
    }
  }
  return { revision: reply.revision?.devicesRevision ?? 0n, addresses };
}

/** What happened, one line each. */
export async function noteSteps(
  tx: StoreTransaction,
  changes: Changes,
  { self, crypto, now }: Pick<SyncParts, 'self' | 'crypto' | 'now'>,
  before: GroupRecord,
  steps: readonly Step[],
  after: GroupRecord,
): Promise<void> {
  const names = new Map<AccountId, string>();
  const involved = new Set(
    steps.flatMap(({ read, after: roster }) => [
      read.by.accountId,
      ...read.change.put.map(({ accountId }) => accountId),
      ...read.change.removed,
      ...(read.change.removed.length > 0 ? roster.members.keys() : []),
    ]),
  );
  for (const account of involved) names.set(account, (await memberContact(tx, account)).name);
  const nameOf = (account: AccountId) => names.get(account) ?? 'Someone';
  const say = (words: string) =>
    addNotice(tx, changes, { id: newMessageId(crypto), conversation: after.groupId, words, atMs: now() });
  for (const step of steps) for (const words of stepWords(step, self, nameOf)) await say(words);
  const by = steps.findLast(({ read }) => read.sealedState !== undefined)?.read.by.accountId;
  if (by === undefined) return;
  const who = by === self ? 'You' : nameOf(by);
  if (before.name !== after.name) await say(`${who} named the group “${after.name}”.`);
  else if (before.picture !== after.picture) await say(`${who} changed the group’s picture.`);
}
