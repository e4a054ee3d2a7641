// What goes beyond one call when one is created: how many an account may have
// and make, what the creator's device was in before, and two who call each other.
import { type AccountId, type CallId, ProtocolError } from '@carillon/protocol';
import { type CallEvent, isSameDevice, type LiveCall } from '../core/call.ts';
import { collides, glareWinner } from '../core/glare.ts';
import { AccountRates } from './accountRates.ts';
import { type CallStore, isAway } from './callStore.ts';
import type { Clock } from './timers.ts';

/**
 * Calls that one account has created and that still run. Two would do for a
 * person; raising it lets one account make more strangers' devices ring at once.
 */
const CREATED_PER_ACCOUNT_MAX = 4;
type CreateEvent = Extract<CallEvent, { type: 'create' }>;

export interface CreationsOptions {
  readonly store: CallStore;
  readonly clock: Clock;
  /** Calls that one account may create here, on average. */
  readonly createsPerMinute: number;
  /** Live calls at once, of this node. */
  readonly callsMax: number;
  readonly ringMs: number;
  live(): number;
  /** An event of the server's own; false when the store is away. */
  quietly(callId: CallId, event: CallEvent): Promise<boolean>;
}

export class Creations {
  readonly #options: CreationsOptions;
  readonly #creates: AccountRates;
  /** Created and answered just before the store went: no more than were under way then. */
  readonly #unsettled = new Map<CallId, CreateEvent>();

  constructor(options: CreationsOptions) {
    this.#options = options;
    const { createsPerMinute } = options;
    this.#creates = new AccountRates({ perSecond: createsPerMinute / 60, burst: createsPerMinute });
  }

  /** `run` steps the event. @throws ProtocolError */
  async create(event: CreateEvent, isAsked: boolean, run: () => Promise<unknown>): Promise<void> {
    const isNoted = await this.#beforeCreate(event, isAsked);
    try {
      await run();
    } catch (error) {
      const isRefused = error instanceof ProtocolError && error.code !== 'internal-error';
      if (isNoted && isRefused) this.#options.store.dropCreated(event.by.accountId, event.callId);
      throw error;
    }
    await this.#settle(event);
  }

  /** Settles what could not be settled while the store was away. */
  again(): void {
    const unsettled = [...this.#unsettled.values()];
    this.#unsettled.clear();
    for (const event of unsettled) void this.#settle(event);
  }

  /**
   * A device that calls somebody with whom it is in a peer call already has lost
   * or given up that call: it is hung up. False: the call is there already.
   */
  async #beforeCreate(event: CreateEvent, isAsked: boolean): Promise<boolean> {
    const { by, callId, callees, room } = event;
    if (await this.#options.store.read(callId, true)) return false;
    if (isAsked) this.#takeCreate(by.accountId);
    const callee = callees.length === 1 && !room ? callees[0] : undefined;
    for (const call of callee ? await this.#liveOf(by.accountId, callee) : []) {
      const has = (accountId: AccountId) => call.participants.some((p) => p.accountId === accountId);
      const isIn = call.participants.some((p) => p.state === 'joined' && isSameDevice(by, p));
      if (call.mode === 'peer' && callee && has(callee) && isIn) {
        await this.#options.quietly(call.callId, { type: 'hang_up', by });
      }
    }
    // Before the call is there: of two who call each other, and of several that an account creates at once, whoever looks
    // last sees all.
    await this.#options.store.noteCreated(by.accountId, callId, this.#options.clock.now());
    const created = await this.#createdBy(by.accountId);
    if (created.findIndex((noted) => noted.callId === callId) >= CREATED_PER_ACCOUNT_MAX) {
      this.#options.store.dropCreated(by.accountId, callId);
      throw new ProtocolError('rate-limited', { retryAfterMs: this.#options.ringMs });
    }
    return true;
  }

  #takeCreate(accountId: AccountId): void {
    const { callsMax, clock, live } = this.#options;
    if (live() >= callsMax) throw new ProtocolError('rate-limited', { retryAfterMs: 60_000 });
    this.#creates.take(accountId, clock.now());
  }

  /** The create has been answered by now: whatever happens here is not its device's matter. */
  async #settle(event: CreateEvent): Promise<void> {
    const isSettled = await this.#settleGlare(event).catch((error: unknown) => {
      if (!isAway(error)) throw error;
      return false;
    });
    if (!isSettled) this.#unsettled.set(event.callId, event);
  }

  /** If the callee calls too, one of the two calls goes on. False: the store is away. */
  async #settleGlare({ by, callId, callees, room }: CreateEvent): Promise<boolean> {
    const callee = callees.length === 1 && !room ? callees[0] : undefined;
    if (!callee) return true;
    const own = (await this.#options.store.read(callId, true))?.call;
    if (!own || !collides(own, callee, by.accountId)) return true;
    for (const other of await this.#liveOf(callee)) {
      if (!collides(other, by.accountId, callee)) continue;
      const loser = glareWinner(callId, other.callId) === callId ? other.callId : callId;
      if (!(await this.#options.quietly(loser, { type: 'glare_lost' }))) return false;
    }
    return true;
  }

  /** Live calls that any of the accounts created. */
  async #liveOf(...accounts: readonly AccountId[]): Promise<LiveCall[]> {
    const created = await Promise.all(accounts.map((accountId) => this.#createdBy(accountId)));
    return created.flat().flatMap(({ call }) => call ?? []);
  }

  /** Calls of the account, oldest first: live ones, and those about to be there, which one ring is enough for. */
  async #createdBy(accountId: AccountId): Promise<{ readonly callId: CallId; readonly call: LiveCall | undefined }[]> {
    const { store, clock, ringMs } = this.#options;
    const created: { callId: CallId; call: LiveCall | undefined }[] = [];
    const noted = (await store.createdBy(accountId)).toSorted((a, b) => a.atMs - b.atMs);
    for (const { callId, atMs } of noted) {
      const call = (await store.read(callId, true))?.call;
      if (call?.phase === 'live') created.push({ callId, call });
      else if (!call && atMs > clock.now() - ringMs) created.push({ callId, call });
      else store.dropCreated(accountId, callId);
    }
    return created;
  }

  sweep(nowMs: number): void {
    this.#creates.sweep(nowMs);
  }
}
