// Groups: rosters and the signed changes that led to them.
import type { AccountId, GroupId, GroupRoleName, GroupRoster } from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import type { GroupChangeRecord, GroupPutOutcome, GroupRecord } from '../../core/messagingStore.ts';
import { CHANGE, CHANGES, CREATE, GROUP, TOUCH } from './groupScripts.ts';
import { accountKey, groupKey } from './keys.ts';
import { asBuffer } from './redisQueues.ts';

export class RedisGroups {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async create(group: GroupRecord, change: GroupChangeRecord): Promise<GroupPutOutcome> {
    const { roster, devicesRevision, sealedState } = group;
    await this.#joining(roster.groupId, [...roster.members.keys()]);
    const args = [
      `${roster.revision}`,
      `${devicesRevision}`,
      asBuffer(sealedState),
      asBuffer(change.signedChange),
      ...[...roster.members].flat(),
    ];
    return `${await this.#link.write(CREATE, groupKey(roster.groupId), args)}` as GroupPutOutcome;
  }

  async change(
    roster: GroupRoster,
    sealedState: Uint8Array | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): Promise<GroupPutOutcome> {
    const { groupId, revision, members } = roster;
    const before = (await this.record(groupId))?.roster;
    if (!before) return 'unknown';
    if (revision !== before.revision + 1) return 'stale';
    const put = [...members].filter(([accountId, role]) => before.members.get(accountId) !== role);
    const gone = [...before.members.keys()].filter((accountId) => !members.has(accountId));
    const joining = put.map(([accountId]) => accountId);
    await this.#joining(groupId, joining);
    const args = [
      `${revision}`,
      sealedState ? '1' : '0',
      sealedState ? asBuffer(sealedState) : '',
      asBuffer(change.signedChange),
      `${changesKept}`,
      members.size === 0 ? '1' : '0',
      ...put.flat(),
      ...gone.flatMap((accountId) => [accountId, '']),
    ];
    const outcome = `${await this.#link.write(CHANGE, groupKey(groupId), args)}` as GroupPutOutcome;
    if (outcome === 'stored') {
      // Again: another node may just have carried out that one of them had left before.
      await this.#joining(groupId, joining);
      await this.#left(groupId, gone);
    }
    return outcome;
  }

  async record(groupId: GroupId): Promise<GroupRecord | undefined> {
    const reply = await this.#link.run(GROUP, groupKey(groupId));
    if (reply === null) return undefined;
    const [revision, devicesRevision, state, pairs] = reply as [Buffer, Buffer, Buffer, Buffer[]];
    const members = new Map<AccountId, GroupRoleName>();
    for (let i = 0; i < pairs.length; i += 2)
      members.set(`${pairs[i]}` as AccountId, `${pairs[i + 1]}` as GroupRoleName);
    return {
      roster: { groupId, revision: Number(revision), members },
      devicesRevision: Number(devicesRevision),
      sealedState: new Uint8Array(state),
    };
  }

  async changes(groupId: GroupId, sinceRevision: number, bytesMax: number): Promise<readonly GroupChangeRecord[]> {
    const kept = (await this.#link.run(CHANGES, groupKey(groupId), [`${sinceRevision}`, `${bytesMax}`])) as Buffer[];
    return kept.map((change) => {
      const space = change.indexOf(' ');
      return {
        revision: Number(change.subarray(0, space).toString()),
        signedChange: new Uint8Array(change.subarray(space + 1)),
      };
    });
  }

  async touch(accountId: AccountId, groupIds: readonly GroupId[]): Promise<void> {
    await Promise.all(groupIds.map((groupId) => this.#link.write(TOUCH, groupKey(groupId), [accountId])));
  }

  /** Before they are members: an account that says too many groups only touches one in vain. */
  async #joining(groupId: GroupId, accountIds: readonly AccountId[]): Promise<void> {
    await Promise.all(
      accountIds.map((accountId) => {
        const key = `${accountKey(accountId)}:g`;
        return this.#link.command(key, ['SADD', key, groupId]);
      }),
    );
  }

  async #left(groupId: GroupId, accountIds: readonly AccountId[]): Promise<void> {
    const members = `${groupKey(groupId)}:m`;
    await Promise.all(
      accountIds.map(async (accountId) => {
        const key = `${accountKey(accountId)}:g`;
        await this.#link.command(key, ['SREM', key, groupId]);
        // Taken in again meanwhile.
        if ((await this.#link.command(members, ['HEXISTS', members, accountId])) === 1)
          await this.#joining(groupId, [accountId]);
      }),
    );
  }
}
