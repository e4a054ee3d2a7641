// Groups as the app changes them, and what is to be done for them with the server.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  accountIdSchema,
  addressKey,
  applyGroupChange,
  bytesToBase64url,
  type DeviceId,
  type GroupId,
  type GroupRoster,
  ProtocolError,
} from '@carillon/protocol';
import { readKeys } from '../account/profile.ts';
import { readContact } from '../contacts/contactRecord.ts';
import type { Directory } from '../contacts/directory.ts';
import { touchConversation } from '../conversations/conversations.ts';
import { addNotice, newMessageId } from '../conversations/writing.ts';
import { otherDevices } from '../devices/ownAccount.ts';
import { tellOwnDevices } from '../devices/ownCopies.ts';
import { beginMark } from '../messaging/applyReceipt.ts';
import { encodeContent } from '../messaging/content.ts';
import type { ContentBody } from '../messaging/contentChannel.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import { enqueue } from '../messaging/outbox.ts';
import type { Account } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { makeChange, type Wanted } from './groupChange.ts';
import { type GroupInboxParts, isMember, openAllWaiting, readInvite } from './groupInbox.ts';
import { type Chore, listChores } from './groupQueue.ts';
import { type GroupRecord, readGroup, rosterOf, writeGroup } from './groupRecord.ts';
import { checkedState, type GroupState } from './groupState.ts';
import { type GroupSync, noteSteps } from './groupSync.ts';
import { handedTo } from './senderChains.ts';

/** Others change the group at the same moment: more often than this is no chance. */
const TRIES_MAX = 5;
/** In a larger group or an older one the roster in an invite would weigh more than the changes since the creation. */
const INVITE_ROSTER_MEMBERS_MAX = 64;
/** The server keeps 256 changes: an invite goes by them while all are there. */
const FOLLOWED_REVISION_MAX = 200;
/** Who leaves can no longer write to the group; so many are told one by one, the others notice when they write. */
const TOLD_OF_LEAVING_MAX = 32;
const LOOKUPS_AT_ONCE = 16;
const LOOKUP_TRIES_MAX = 20;
const LOOKUP_WAIT_MS = 500;
const CHORES_AT_ONCE = 100;
const KEY_BYTES = 32;

export interface GroupsParts {
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sync: GroupSync;
  readonly inbox: GroupInboxParts;
  readonly platform: Platform;
  readonly crypto: CryptoProvider;
  readonly account: () => Account;
  /** There is something in the outbox. */
  readonly onQueued: () => void;
}

export class Groups {
  readonly #parts: GroupsParts;
  #chores: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: GroupsParts) {
    this.#parts = parts;
  }

  /** @throws ProtocolError */
  async create(
    name: string,
    accounts: readonly AccountId[],
    picture: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<GroupId> {
    const { crypto, ledger, socket, platform } = this.#parts;
    const state = checkedState({ name, picture });
    const self = this.#self();
    const members = [...new Set(accounts)].filter((accountId) => accountId !== self.accountId);
    await this.#know(members);
    const groupId = `g${bytesToBase64url(crypto.randomBytes(16))}` as GroupId;
    const put = [
      { accountId: self.accountId, role: 'admin' as const },
      ...members.map((accountId) => ({ accountId, role: 'member' as const })),
    ];
    const blank: GroupRecord = {
      groupId,
      key: crypto.randomBytes(KEY_BYTES),
      revision: 0,
      members: [],
      ...state,
      stateDigest: new Uint8Array(),
      joined: true,
      devicesRevision: 0n,
    };
    const { identity } = await ledger.read((tx) => readKeys(tx));
    const made = makeChange(crypto, identity, self, blank, { put, state }, platform.now(), true);
    const roster = applyGroupChange(undefined, made.change, self.accountId);
    await socket.request({ case: 'createGroup', value: { change: made.signed } }, 'group');
    await ledger.change(async (tx, changes) => {
      const stateDigest = crypto.sha256(made.sealedState ?? new Uint8Array());
      const group: GroupRecord = { ...blank, revision: roster.revision, members: [...roster.members], stateDigest };
      await writeGroup(tx, group);
      await touchConversation(tx, groupId, platform.now(), { accepted: true });
      const notice = { id: newMessageId(crypto), conversation: groupId, words: 'You created the group.' };
      await addNotice(tx, changes, { ...notice, atMs: platform.now() });
      await this.#invite(tx, group, members);
      await tellOwnDevices(tx, this.#parts, invitation(group, true));
    });
    this.#parts.onQueued();
    return groupId;
  }

  async add(groupId: GroupId, accounts: readonly AccountId[]): Promise<void> {
    await this.#know(accounts);
    await this.#change(groupId, (group) => {
      const put = accounts
        .filter((accountId) => !isMember(group, accountId))
        .map((accountId) => ({ accountId, role: 'member' as const }));
      return put.length > 0 ? { put } : undefined;
    });
  }

  async remove(groupId: GroupId, accounts: readonly AccountId[]): Promise<void> {
    await this.#change(groupId, (group) => {
      const removed = accounts.filter((accountId) => isMember(group, accountId));
      return removed.length > 0 ? { removed } : undefined;
    });
  }

  leave(groupId: GroupId): Promise<void> {
    return this.#change(groupId, () => ({ removed: [this.#self().accountId] }));
  }

  async setAdmin(groupId: GroupId, accountId: AccountId, admin: boolean): Promise<void> {
    const role = admin ? 'admin' : 'member';
    await this.#change(groupId, (group) => {
      const now = rosterOf(group).members.get(accountId);
      if (now === undefined) throw new ProtocolError('account-unknown', { words: 'They are not in this group.' });
      return now === role ? undefined : { put: [{ accountId, role }] };
    });
  }

  async setState(groupId: GroupId, change: (state: GroupState) => GroupState): Promise<void> {
    await this.#change(groupId, ({ name, picture }) => ({ state: checkedState(change({ name, picture })) }));
  }

  /** There may be something to do with the server; it goes on by itself when it fails for a while. */
  kick(): void {
    if (this.#closed) return;
    this.#chores = this.#chores
      .then(() => this.#runChores())
      .catch(() => {
        // Kept; the next kick tries again.
      });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#chores;
  }

  #self(): Address {
    const { accountId, deviceId } = this.#parts.account();
    return { accountId, deviceId };
  }

  /** @throws ProtocolError `account-unknown` */
  async #know(accounts: readonly AccountId[]): Promise<void> {
    const queue = [...accounts];
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await this.#lookUp(next);
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, worker));
  }

  /** A group of a thousand asks more often than the server answers at once. */
  async #lookUp(accountId: AccountId): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await this.#parts.directory.byId(accountId);
        return;
      } catch (error) {
        const mayWait = error instanceof ProtocolError && error.code === 'rate-limited' && tries < LOOKUP_TRIES_MAX;
        if (!mayWait || this.#closed) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.max(LOOKUP_WAIT_MS, error.details.retryAfterMs ?? 0)));
      }
    }
  }

  /** Until the server takes it: made anew for each roster that came in between. @throws ProtocolError */
  async #change(groupId: GroupId, want: (group: GroupRecord) => Wanted | undefined): Promise<void> {
    const { crypto, ledger, socket, sync, platform } = this.#parts;
    const self = this.#self();
    for (let tries = 0; ; tries++) {
      const [group, keys] = await ledger.read(
        async (tx) => [await readGroup(tx, groupId), await readKeys(tx)] as const,
      );
      if (!group?.joined) throw new ProtocolError('group-unknown');
      const wanted = want(group);
      if (!wanted) return;
      const made = makeChange(crypto, keys.identity, self, group, wanted, platform.now());
      const roster = applyGroupChange(rosterOf(group), made.change, self.accountId);
      try {
        await socket.request({ case: 'changeGroup', value: { change: made.signed } }, 'group');
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.code !== 'stale-group' || tries >= TRIES_MAX) throw error;
        await sync.refresh(groupId);
        continue;
      }
      await ledger.change((tx, changes) => this.#changed(tx, changes, group, wanted, made, roster));
      this.#parts.onQueued();
      return;
    }
  }

  async #changed(
    tx: StoreTransaction,
    changes: Changes,
    before: GroupRecord,
    wanted: Wanted,
    made: ReturnType<typeof makeChange>,
    roster: GroupRoster,
  ): Promise<void> {
    const { crypto, platform } = this.#parts;
    const self = this.#self();
    const { groupId } = before;
    const after: GroupRecord = {
      ...before,
      ...wanted.state,
      ...(made.sealedState ? { stateDigest: crypto.sha256(made.sealedState) } : {}),
      revision: roster.revision,
      members: [...roster.members],
      joined: roster.members.has(self.accountId),
      // The devices have to be asked for before the next message.
      devicesRevision: 0n,
    };
    await writeGroup(tx, after);
    changes.conversation(groupId);
    const { change, madeAtMs, sealedState, signed } = made;
    const read = { change, sealedState, madeAtMs, by: self, signedBytes: signed.change, signature: signed.signature };
    const step = { before: rosterOf(before), after: roster, read };
    await noteSteps(tx, changes, { self: self.accountId, crypto, now: platform.now }, before, [step], after);
    const added = change.put.map(({ accountId }) => accountId).filter((accountId) => !isMember(before, accountId));
    for (const accountId of added) await beginMark(tx, groupId, accountId, platform.now());
    await this.#invite(tx, after, added);
    const notice = { case: 'groupNotice', value: { rosterRevision: roster.revision } } as const;
    const told = after.joined
      ? change.removed
      : after.members.slice(0, TOLD_OF_LEAVING_MAX).map(([accountId]) => accountId);
    for (const accountId of told) await this.#enqueue(tx, accountId, notice, groupId);
    if (after.joined) await this.#enqueue(tx, groupId, notice, groupId);
    // What goes to the group does not go to the account that sends it.
    const others = await otherDevices(tx, this.#parts.account());
    if (others.length > 0) await this.#enqueue(tx, self.accountId, notice, groupId);
  }

  async #invite(tx: StoreTransaction, group: GroupRecord, accounts: readonly AccountId[]): Promise<void> {
    const isShort = group.members.length <= INVITE_ROSTER_MEMBERS_MAX || group.revision > FOLLOWED_REVISION_MAX;
    for (const accountId of accounts) await this.#enqueue(tx, accountId, invitation(group, isShort));
  }

  async #enqueue(
    tx: StoreTransaction,
    to: AccountId | GroupId,
    body: ContentBody,
    groupId?: GroupId,
    only?: DeviceId,
  ): Promise<void> {
    const { crypto, platform, account } = this.#parts;
    const content = encodeContent(account(), body, platform.now(), { groupId });
    await enqueue(tx, { messageId: newMessageId(crypto), to, content, only });
  }

  async #runChores(): Promise<void> {
    const { ledger, socket } = this.#parts;
    const chores = await ledger.read((tx) => listChores(tx, CHORES_AT_ONCE));
    for (const { key, value } of chores) {
      if (this.#closed || !socket.isOnline) return;
      try {
        await this.#do(value);
      } catch (error) {
        // What was refused has been said; what the server could not answer now is tried with the next connection.
        if (!(error instanceof ProtocolError) || LATER.has(error.code)) throw error;
      }
      await ledger.change((tx) => tx.delete('groups', key));
    }
    if (chores.length === 0) return;
    this.#parts.onQueued();
    // One may have brought another.
    await this.#runChores();
  }

  async #do(chore: Chore): Promise<void> {
    const { ledger, sync, inbox } = this.#parts;
    const { groupId } = chore;
    if (chore.type === 'answer') {
      await this.#answer(groupId, chore.to);
      return;
    }
    if (chore.type === 'learn') {
      await this.#learn(groupId);
      return;
    }
    if (chore.type === 'sync') await sync.refresh(groupId);
    else await this.#join(groupId, chore.from, chore.invite);
    await ledger.change((tx, changes) => openAllWaiting(tx, changes, inbox, groupId));
  }

  /** Names of those whom this device has not met yet. */
  async #learn(groupId: GroupId): Promise<void> {
    const { ledger } = this.#parts;
    const { accountId: self } = this.#self();
    const unknown = await ledger.read(async (tx) => {
      const found: AccountId[] = [];
      for (const [accountId] of (await readGroup(tx, groupId))?.members ?? []) {
        if (accountId !== self && !(await readContact(tx, accountId))) found.push(accountId);
      }
      return found;
    });
    if (unknown.length === 0) return;
    const worker = async () => {
      for (let next = unknown.shift(); next !== undefined; next = unknown.shift()) {
        await this.#lookUp(next).catch((error: unknown) => {
          if (error instanceof ProtocolError && LATER.has(error.code)) throw error;
        });
      }
    };
    const outcomes = await Promise.allSettled(Array.from({ length: LOOKUPS_AT_ONCE }, worker));
    await ledger.change(async (_tx, changes) => changes.conversation(groupId));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #join(groupId: GroupId, { accountId: from }: Address, bytes: Uint8Array): Promise<void> {
    const invite = readInvite(bytes);
    const ids = invite.roster.map((entry) => accountIdSchema.safeParse(entry.accountId));
    if (ids.some(({ success }) => !success)) return;
    const members = invite.roster.map(({ admin }, i) => [ids[i]!.data!, admin ? 'admin' : 'member'] as const);
    await this.#parts.sync.join({
      groupId,
      from,
      key: new Uint8Array(invite.groupKey),
      revision: invite.rosterRevision,
      stateDigest: invite.stateDigest,
      members: members.length > 0 ? members : undefined,
    });
  }

  /** To a member's device that asks: the group, and our key as far as it is theirs to have. */
  async #answer(groupId: GroupId, to: Address): Promise<void> {
    const { ledger, sync } = this.#parts;
    const synced = await sync.refresh(groupId);
    if (synced.outcome !== 'current' || !isMember(synced.group, to.accountId)) return;
    await ledger.change(async (tx) => {
      await this.#enqueue(tx, to.accountId, invitation(synced.group, true), undefined, to.deviceId);
      const key = await handedTo(tx, groupId, addressKey(to));
      if (!key) return;
      const value = {
        groupId,
        chainId: new Uint8Array(key.chainId),
        iteration: key.iteration,
        chainKey: new Uint8Array(key.chainKey),
        signingKey: new Uint8Array(key.signingKey),
      };
      await this.#enqueue(tx, to.accountId, { case: 'senderKey', value }, undefined, to.deviceId);
    });
  }
}

const LATER: ReadonlySet<string> = new Set([
  'unreachable',
  'shutting-down',
  'rate-limited',
  'internal-error',
  'token-expired',
  'token-invalid',
  'replaced-by-new-connection',
]);

export function invitation(group: GroupRecord, withRoster: boolean): ContentBody {
  const { groupId, key, revision, members, stateDigest } = group;
  const roster = withRoster ? members.map(([accountId, role]) => ({ accountId, admin: role === 'admin' })) : [];
  return { case: 'groupInvite', value: { groupId, groupKey: key, rosterRevision: revision, roster, stateDigest } };
}
