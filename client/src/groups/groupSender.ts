// One ciphertext to a whole group. Before it goes, the roster is the server's and
// checked, and each member device holds the key; when the server says that the
// group has changed, that is mended and the same message sent again [GROUP-23].
import type { ChainDistribution, CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  addressKey,
  type ErrorCode,
  type GroupId,
  type MessageId,
  ProtocolError,
} from '@carillon/protocol';
import { newMessageId } from '../conversations/writing.ts';
import { encodeContent } from '../messaging/content.ts';
import type { EnvelopeSender } from '../messaging/envelopeSender.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { Account } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { planKeys } from './core/keyPlan.ts';
import { type GroupRecord, readDevices, readGroup } from './groupRecord.ts';
import type { GroupSync } from './groupSync.ts';
import { handOut, noteGiven, readOwnChain, rotateOwnChain, sealGroupMessage } from './senderChains.ts';

/** A group that changes this often within one send is busy, or its server is not honest: later again. */
const MENDS_MAX = 6;
/** Members served at once. More: a large group is ready sooner, and the server's limits are met sooner. */
const HANDING_AT_ONCE = 16;
/** Progress is told, and kept, after so many members. */
const PROGRESS_STEP = 32;
/** Of one member while the server asks for patience: a minute or so; then the whole message waits for its turn. */
const RETRIES_MAX = 40;

/** Refusals that concern one member only: the others get the key all the same, this one with a later message. */
const MEMBERS_OWN: ReadonlySet<ErrorCode> = new Set([
  'identity-changed',
  'account-unknown',
  'device-unknown',
  'signature-invalid',
  'queue-full',
  'stale-devices',
  'malformed-frame',
]);

export interface GroupDraft {
  readonly messageId: MessageId;
  readonly groupId: GroupId;
  /** Padded. */
  readonly content: Uint8Array;
  readonly urgent: boolean;
  readonly expiresAtMs: number;
  /** Sealed before, for a retry that repeats the same bytes. */
  readonly ciphertext: Uint8Array<ArrayBuffer> | undefined;
  /** Called in the transaction that moves the chain on. */
  keep(tx: StoreTransaction, ciphertext: Uint8Array<ArrayBuffer>): Promise<void>;
}

export interface GroupSenderParts {
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly sender: EnvelopeSender;
  readonly sync: GroupSync;
  readonly crypto: CryptoProvider;
  readonly account: () => Account;
  readonly now: () => number;
  /** Keys are handed to many members: how far that is. */
  readonly onHanding: (groupId: GroupId, done: number, total: number) => void;
}

interface Ready {
  readonly group: GroupRecord;
  readonly devicesRevision: bigint;
  readonly changed: boolean;
}

export class GroupSender {
  readonly #parts: GroupSenderParts;

  constructor(parts: GroupSenderParts) {
    this.#parts = parts;
  }

  /** Resolves once the server has it durably. @throws ProtocolError */
  async send(draft: GroupDraft): Promise<{ acceptedAtMs: number }> {
    let { ciphertext } = draft;
    for (let mends = 0; ; mends++) {
      const ready = await this.#prepare(draft.groupId, mends > 0);
      // Who was handed the key just now could not open what was sealed before.
      if (!ciphertext || ready.changed) ciphertext = await this.#seal(draft);
      try {
        const reply = await this.#request(draft, ready, ciphertext, false);
        return { acceptedAtMs: Number(reply.acceptedAtMs) };
      } catch (error) {
        const isStale = error instanceof ProtocolError && error.code === 'stale-group';
        if (!isStale || mends >= MENDS_MAX) throw error;
      }
    }
  }

  /** Typing: only when everything is in place already, and once. */
  async sendEphemeral(groupId: GroupId, content: Uint8Array, membersMax: number): Promise<void> {
    const { ledger, crypto } = this.#parts;
    const found = await ledger.change(async (tx) => {
      const group = await readGroup(tx, groupId);
      const devices = await readDevices(tx, groupId);
      if (!group?.joined || group.members.length > membersMax) return undefined;
      if (devices?.revision !== group.devicesRevision) return undefined;
      const plan = await this.#plan(tx, groupId, devices.addresses);
      if (plan.rotate || plan.lacking.length > 0) return undefined;
      const ciphertext = await sealGroupMessage(tx, crypto, groupId, this.#local(), content);
      return { group, devicesRevision: devices.revision, ciphertext };
    });
    if (!found) return;
    const draft = { messageId: newMessageId(crypto), groupId, urgent: false, expiresAtMs: 0 };
    await this.#request(draft, found, found.ciphertext, true);
  }

  #local(): Address {
    const { accountId, deviceId } = this.#parts.account();
    return { accountId, deviceId };
  }

  #request(
    { messageId, groupId, urgent, expiresAtMs }: Omit<GroupDraft, 'content' | 'ciphertext' | 'keep'>,
    { group, devicesRevision }: Pick<Ready, 'group' | 'devicesRevision'>,
    ciphertext: Uint8Array<ArrayBuffer>,
    ephemeral: boolean,
  ) {
    const value = {
      messageId,
      groupId,
      rosterRevision: group.revision,
      devicesRevision,
      ciphertext,
      urgent,
      expiresAtMs: BigInt(Math.trunc(expiresAtMs)),
      ephemeral,
    };
    return this.#parts.socket.request({ case: 'groupSend', value }, 'sent');
  }

  #seal(draft: GroupDraft): Promise<Uint8Array<ArrayBuffer>> {
    const { ledger, crypto } = this.#parts;
    return ledger.change(async (tx) => {
      const ciphertext = await sealGroupMessage(tx, crypto, draft.groupId, this.#local(), draft.content);
      await draft.keep(tx, ciphertext);
      return ciphertext;
    });
  }

  /** The roster and the devices as the server has them, and the key with all of them. */
  async #prepare(groupId: GroupId, isStale: boolean): Promise<Ready> {
    const { ledger, crypto, now } = this.#parts;
    const { group, devices } = await this.#current(groupId, isStale);
    let changed = false;
    const skipped = new Set<string>();
    for (let rounds = 0; ; rounds++) {
      if (rounds > MENDS_MAX) throw new ProtocolError('stale-group');
      const plan = await ledger.change(async (tx) => {
        const made = await this.#plan(tx, groupId, devices.addresses);
        if (made.rotate) await rotateOwnChain(tx, crypto, groupId, now());
        return made;
      });
      changed ||= plan.rotate || plan.lacking.some((address) => !skipped.has(address));
      if (plan.rotate) continue;
      const lacking = plan.lacking.filter((address) => !skipped.has(address));
      if (lacking.length === 0) return { group, devicesRevision: devices.revision, changed };
      for (const address of await this.#handTo(groupId, lacking)) skipped.add(address);
    }
  }

  async #plan(tx: StoreTransaction, groupId: GroupId, addresses: readonly string[]) {
    const own = await readOwnChain(tx, groupId);
    const self = this.#parts.account().accountId;
    // Our other devices get copies of what we send, not the key.
    const others = addresses.filter((address) => !address.startsWith(`${self}.`));
    const use = own && {
      messages: own.chain.iteration,
      madeAtMs: own.madeAtMs,
      given: Object.keys(own.given),
    };
    return planKeys(use, others, this.#parts.now());
  }

  async #current(groupId: GroupId, isStale: boolean) {
    const { ledger, sync } = this.#parts;
    const [group, devices] = await ledger.read(async (tx) => [
      await readGroup(tx, groupId),
      await readDevices(tx, groupId),
    ]);
    if (!isStale && group?.joined && devices && devices.revision === group.devicesRevision) return { group, devices };
    const synced = await sync.refresh(groupId);
    if (synced.outcome === 'current') return synced;
    if (synced.outcome === 'gone') {
      throw new ProtocolError('group-unknown', { words: 'You are not in this group any more.' });
    }
    throw new ProtocolError('stale-group');
  }

  /** Returns those that did not get it. */
  async #handTo(groupId: GroupId, lacking: readonly string[]): Promise<string[]> {
    const { ledger, onHanding } = this.#parts;
    const distribution = await ledger.change((tx) => handOut(tx, groupId));
    const byAccount = Map.groupBy(lacking, (address) => address.slice(0, address.lastIndexOf('.')) as AccountId);
    const queue = [...byAccount];
    const total = queue.length;
    const skipped: string[] = [];
    let given: string[] = [];
    let done = 0;
    const keep = async () => {
      const now = given;
      given = [];
      if (now.length > 0) await ledger.change((tx) => noteGiven(tx, groupId, distribution, now));
    };
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [account, addresses] = next;
        const devices = await this.#handToMember(groupId, account, distribution);
        // A device beyond those that the group was said to have counts once the group says so, too.
        given.push(...addresses.filter((address) => devices.includes(address)));
        skipped.push(...addresses.filter((address) => !devices.includes(address)));
        done++;
        if (done % PROGRESS_STEP === 0) {
          onHanding(groupId, done, total);
          await keep();
        }
      }
    };
    const workers = Array.from({ length: Math.min(HANDING_AT_ONCE, total) }, worker);
    const outcomes = await Promise.allSettled(workers);
    await keep();
    if (total >= PROGRESS_STEP) onHanding(groupId, total, total);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return skipped;
  }

  /** The addresses that have it; none when this member cannot be given it now. */
  async #handToMember(groupId: GroupId, to: AccountId, distribution: ChainDistribution): Promise<string[]> {
    const { sender, crypto, account, now } = this.#parts;
    const value = {
      groupId,
      chainId: new Uint8Array(distribution.chainId),
      iteration: distribution.iteration,
      chainKey: new Uint8Array(distribution.chainKey),
      signingKey: new Uint8Array(distribution.signingKey),
    };
    const content = encodeContent(account(), { case: 'senderKey', value }, now());
    const messageId = newMessageId(crypto);
    for (let attempt = 0; ; attempt++) {
      try {
        const draft = { messageId, to, urgent: false, expiresAtMs: 0, sealed: [], encode: () => content };
        const { devices } = await sender.send(draft);
        return devices.map((deviceId) => addressKey({ accountId: to, deviceId }));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        if (MEMBERS_OWN.has(error.code)) return [];
        if (error.code !== 'rate-limited' || attempt >= RETRIES_MAX) throw error;
        // Not all at the same moment again.
        const waitMs = Math.max(200, error.details.retryAfterMs ?? 0) * (1 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }
}
