// Group messages: accepted in the group's slot, then brought into each member
// account's slot. A node takes a group's lane for the time of a lease and moves a
// cursor. Whoever goes on after a crash may repeat the last accounts: each device
// remembers the number of the last message of the group that it was given.
import { type AccountId, type Address, addressKey, type DeviceId, type GroupId } from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import type { FanOutStep, GroupAcceptOutcome, NewGroupMessage, QueueLimits } from '../../core/messagingStore.ts';
import { ACCEPT, ADD_WORK, ADVANCE, LEAVE_WORK, NEXT, PEEK_WORK, TAKE_WORK } from './groupScripts.ts';
import { accountKey, groupKey, type Lane, laneOf, workKey, workKeys } from './keys.ts';
import { FAN_IN } from './queueScripts.ts';
import type { RedisIndex } from './redisIndex.ts';
import { decodeHeader, encodeHeader, entryFields, limitArgs, type StreamEntry, sendMark } from './redisQueues.ts';

/** An account has no more; so many accounts are asked for at once that their devices fit into what is left of a step. */
const DEVICES_PER_ACCOUNT = 5;
/** Part of each step that urgent messages leave to the others: however many there are, the others move on. */
const ORDINARY_SHARE = 1 / 4;

export interface FanOutRequest {
  readonly leaseMs: number;
  readonly devicesMax: number;
  readonly limits: QueueLimits;
  readonly nowMs: number;
}

interface Taken {
  readonly slot: string;
  readonly lane: Lane;
  readonly groupId: GroupId;
  readonly count: string;
  readonly untilMs: number;
}

type Reached = Map<string, { address: Address; urgent: boolean }>;

export class RedisFanOut {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;

  constructor(link: RedisLink, index: RedisIndex) {
    this.#link = link;
    this.#index = index;
  }

  /** The sender is known to be there. */
  async accept(message: NewGroupMessage): Promise<GroupAcceptOutcome> {
    const { from, messageId, groupId, acceptedAtMs, ciphertext } = message;
    const lane = laneOf(message.urgent);
    const args = [
      from.accountId,
      sendMark(from, messageId),
      `${message.rosterRevision}`,
      `${message.devicesRevision}`,
      `${acceptedAtMs}`,
      `${message.expiresAtMs}`,
      lane,
      encodeHeader({ kind: 3, acceptedAtMs, from, messageId, groupId }),
      Buffer.from(ciphertext),
    ];
    const [type, first, second] = (await this.#link.write(ACCEPT, groupKey(groupId), args)) as [
      Buffer,
      Buffer?,
      Buffer?,
    ];
    const outcome = `${type}`;
    if (outcome === 'stale-group')
      return { type: outcome, rosterRevision: Number(first), devicesRevision: Number(second) };
    if (outcome === 'group-unknown' || outcome === 'backlog-full') return { type: outcome };
    // For a repeat too: the node that took the first may have died before it said that there is work.
    await this.#link.write(ADD_WORK, workKey(groupId), [lane, groupId, `${acceptedAtMs}`]);
    if (outcome === 'repeated') return { type: 'repeated', acceptedAtMs: Number(first) };
    await this.#index.tell(`g:${groupId}`, 'r', first);
    return { type: 'accepted', acceptedAtMs };
  }

  async step(request: FanOutRequest): Promise<FanOutStep> {
    const reached: Reached = new Map();
    let left = request.devicesMax;
    const work = async (lane: Lane, keep: number) => {
      while (left > keep) {
        const taken = await this.#take(lane, request);
        if (!taken) return;
        left = keep + (await this.#fill(taken, left - keep, request, reached));
      }
    };
    // Urgent ones first: a call to one group does not wait for another group's backlog.
    await work('u', Math.floor(request.devicesMax * ORDINARY_SHARE));
    await work('o', 0);
    await work('u', 0);
    const waiting = await this.#waiting(request.nowMs);
    return { reached: [...reached.values()], more: waiting.u !== undefined || waiting.o !== undefined };
  }

  /** Where the group is that has waited for its turn the longest. */
  async #waiting(nowMs: number): Promise<Record<Lane, string | undefined>> {
    const replies = await Promise.all(workKeys.map((slot) => this.#link.run(PEEK_WORK, slot, [`${nowMs}`])));
    const slotOf = (i: 0 | 1) => {
      const since = replies.map((reply) => `${(reply as Buffer[])[i]}`);
      const found = since.flatMap((at, slot) => (at === '' ? [] : [{ at: Number(at), slot: workKeys[slot]! }]));
      return found.sort((a, b) => a.at - b.at)[0]?.slot;
    };
    return { u: slotOf(0), o: slotOf(1) };
  }

  async #take(lane: Lane, { nowMs, leaseMs }: FanOutRequest): Promise<Taken | undefined> {
    for (;;) {
      const slot = (await this.#waiting(nowMs))[lane];
      if (slot === undefined) return undefined;
      const untilMs = nowMs + leaseMs;
      const taken = await this.#link.run(TAKE_WORK, slot, [lane, `${nowMs}`, `${untilMs}`]);
      if (taken === null) continue;
      const [groupId, count] = taken as [Buffer, Buffer];
      return { slot, lane, groupId: `${groupId}` as GroupId, count: `${count}`, untilMs };
    }
  }

  /** How many devices are left of `left`. */
  async #fill(taken: Taken, left: number, request: FanOutRequest, reached: Reached): Promise<number> {
    const { slot, lane, groupId, count, untilMs } = taken;
    let devicesLeft = left;
    let isEmpty = false;
    while (devicesLeft > 0 && !isEmpty) {
      const accounts = Math.max(1, Math.floor(devicesLeft / DEVICES_PER_ACCOUNT));
      const next = await this.#link.run(NEXT, groupKey(groupId), [lane, `${accounts}`]);
      if (next === null) {
        isEmpty = true;
        break;
      }
      const [entry, after, device, members] = next as [StreamEntry, Buffer, Buffer, Buffer[]];
      const batch = members.map((member, i) => ({
        accountId: `${member}` as AccountId,
        after: i === 0 && member.equals(after) ? Number(device) : 0,
      }));
      const ended = batch.length < accounts;
      const done = await this.#fanIn(entry, batch, { ...request, lane, devicesMax: devicesLeft }, reached);
      devicesLeft -= Math.max(1, done.devices);
      const cursor = ended && done.cursor === undefined ? ['', ''] : (done.cursor ?? lastOf(batch));
      const waiting = await this.#link.write(ADVANCE, groupKey(groupId), [lane, entry[0], ...cursor]);
      isEmpty = waiting === 0;
    }
    const args = [lane, groupId, count, `${request.nowMs}`, isEmpty ? '1' : '0', `${untilMs}`];
    await this.#link.write(LEAVE_WORK, slot, args);
    return devicesLeft;
  }

  /** Into each account's queues. The cursor: where it had to stop within an account. */
  async #fanIn(
    entry: StreamEntry,
    batch: readonly { readonly accountId: AccountId; readonly after: number }[],
    step: FanOutRequest & { readonly lane: Lane },
    reached: Reached,
  ): Promise<{ devices: number; cursor: [string, string] | undefined }> {
    const { nowMs, limits, lane } = step;
    const fields = entryFields(entry);
    const expires = fields.get('x')!;
    if (Number(expires) <= nowMs) return { devices: 0, cursor: undefined };
    const number = Number.parseInt(`${entry[0]}`, 10);
    const header = fields.get('h')!;
    const { from, groupId } = decodeHeader(`${header}`);
    const each = Math.floor(step.devicesMax / batch.length);
    let devices = 0;
    let cursor: [string, string] | undefined;
    await Promise.all(
      batch.map(async ({ accountId, after }, i) => {
        const args = [
          `${groupId} ${lane}`,
          `${number}`,
          lane,
          expires,
          header,
          fields.get('c')!,
          `${nowMs}`,
          ...limitArgs(limits, from.accountId, accountId),
          accountId === from.accountId ? `${from.deviceId}` : '',
          from.accountId,
          `${after}`,
          `${each}`,
        ];
        const reply = (await this.#link.write(FAN_IN, accountKey(accountId), args)) as Buffer[];
        const [first, stopped, ...ids] = reply.map(String);
        // Only an account that is alone in its batch can have more devices than are left.
        if (stopped !== '' && i === batch.length - 1) cursor = [accountId, stopped!];
        devices += ids.length;
        for (const id of ids) {
          const address = { accountId, deviceId: Number(id) as DeviceId };
          const key = addressKey(address);
          reached.set(key, { address, urgent: lane === 'u' || reached.get(key)?.urgent === true });
        }
        await this.#index.tell(`a:${accountId}`, 'e', first);
      }),
    );
    return { devices, cursor };
  }
}

/** All of it is done. */
function lastOf(batch: readonly { readonly accountId: AccountId }[]): [string, string] {
  return [batch.at(-1)!.accountId, ''];
}
