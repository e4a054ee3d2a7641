// Envelopes for whoever is connected now: typing and its like. They are stored
// nowhere, and the answer is the same whether anybody got them: it tells neither
// who is connected nor who has blocked whom.
import { type AccountId, type Address, type DeviceId, ProtocolError } from '@carillon/protocol';
import type { MessagingStore, NewGroupMessage, NewMessage } from '../core/messagingStore.ts';
import type { EphemeralEnvelope, Switchboard } from '../core/switchboard.ts';
import { staleGroup } from './sendRequests.ts';

/** Members told at once; more would hold up everybody else's requests. */
const MEMBERS_AT_ONCE = 64;
/** As the wire's EnvelopeKind. */
const SENDER_KEY = 3;

export interface EphemeralSendsOptions {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
}

export class EphemeralSends {
  readonly #options: EphemeralSendsOptions;

  constructor(options: EphemeralSendsOptions) {
    this.#options = options;
  }

  /** The devices need not be all the recipient has, nor be there at all. */
  async toAccount({ from, messageId, to, acceptedAtMs, envelopes }: NewMessage): Promise<void> {
    if (await this.#options.store.isBlocked(from.accountId, to)) return;
    await Promise.all(
      envelopes.map(({ deviceId, kind, ciphertext }) =>
        this.#tell(
          { accountId: to, deviceId },
          { messageId, from, groupId: undefined, kind, ciphertext, acceptedAtMs },
        ),
      ),
    );
  }

  /**
   * @param take charges the sender: before the group is read, and by its size
   * @throws ProtocolError `group-unknown`, `stale-group`, and what `take` throws
   */
  async toGroup(message: NewGroupMessage, take: (cost: number) => void): Promise<void> {
    const { store } = this.#options;
    const { from, groupId } = message;
    take(1);
    const group = await store.group(groupId);
    if (!group?.roster.members.has(from.accountId)) throw new ProtocolError('group-unknown');
    take(Math.floor(group.roster.members.size / MEMBERS_AT_ONCE));
    const { roster, devicesRevision } = group;
    if (roster.revision !== message.rosterRevision || devicesRevision !== message.devicesRevision)
      throw staleGroup(groupId, roster.revision, devicesRevision);
    const envelope: EphemeralEnvelope = {
      messageId: message.messageId,
      from,
      groupId,
      kind: SENDER_KEY,
      ciphertext: message.ciphertext,
      acceptedAtMs: message.acceptedAtMs,
    };
    const members = await store.memberDevices(groupId);
    for (let start = 0; start < members.length; start += MEMBERS_AT_ONCE) {
      const batch = members.slice(start, start + MEMBERS_AT_ONCE);
      await Promise.all(batch.map(({ accountId, deviceIds }) => this.#toMember(accountId, deviceIds, envelope)));
    }
  }

  async #toMember(accountId: AccountId, deviceIds: readonly DeviceId[], envelope: EphemeralEnvelope): Promise<void> {
    const { store, switchboard } = this.#options;
    const { from } = envelope;
    const others = deviceIds
      .map((deviceId): Address => ({ accountId, deviceId }))
      .filter(({ deviceId }) => accountId !== from.accountId || deviceId !== from.deviceId);
    const connected = await Promise.all(others.map((address) => switchboard.isConnected(address)));
    if (!connected.includes(true) || (await store.isBlocked(from.accountId, accountId))) return;
    await Promise.all(others.filter((_, index) => connected[index]).map((address) => this.#tell(address, envelope)));
  }

  async #tell(address: Address, envelope: EphemeralEnvelope): Promise<void> {
    await this.#options.switchboard.signal(address, { type: 'ephemeral', envelope });
  }
}
