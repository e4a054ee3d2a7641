// One node's own calls: a table in memory, and a file so that a server that was
// killed still knows them. Relayed frames are not stored: they are on the hot
// path, and a device whose frames were lost with the server negotiates again.
import { type AccountId, type Address, addressKey, type CallId } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { LiveCall } from '../core/call.ts';
import { CallTable, type Relay, type Relayed, type StoredCall, type Swap, type Swapped } from '../core/callTable.ts';
import type { CallStore, CallStoreEvents, NotedCall } from './callStore.ts';
import type { CallFile } from './sqliteCallFile.ts';

export interface EmbeddedCallStoreOptions {
  readonly file: CallFile;
  /** As many ended calls are remembered as there may be live ones. */
  readonly callsMax: number;
  readonly log: Log;
}

export class EmbeddedCallStore implements CallStore {
  readonly restored: readonly LiveCall[];
  readonly #options: EmbeddedCallStoreOptions;
  readonly #table: CallTable;
  readonly #created = new Map<AccountId, Map<CallId, number>>();
  /** Oldest first. */
  readonly #ended = new Set<CallId>();
  /** Who has said how good a call was; not over a restart. */
  readonly #reports = new Map<CallId, Set<string>>();
  #events: CallStoreEvents | undefined;
  #calls = 0;
  #seats = 0;
  /** Why calls cannot be stored at the moment. */
  #problem: string | undefined;

  constructor(options: EmbeddedCallStoreOptions) {
    this.#options = options;
    this.#table = new CallTable({
      persist: (stored) => this.#persist(stored),
      news: (callId, news) => this.#events?.news(callId, news),
    });
    const calls = options.file.all();
    this.restored = calls.filter((call) => call.phase === 'live');
    for (const call of calls) {
      this.#table.swap({ callId: call.callId, version: 0, call, detach: [], told: { state: [], ended: [] } });
      this.#calls++;
      if (call.phase === 'live') this.#note(call.createdBy, call.callId, call.createdAtMs);
      else this.#ended.add(call.callId);
    }
  }

  get live(): number {
    return this.#calls - this.#ended.size;
  }

  get outboxBytes(): number {
    return this.#table.outboxBytes;
  }

  async start(events: CallStoreEvents): Promise<void> {
    this.#events = events;
  }

  seatName(): string {
    this.#seats += 1;
    return `${this.#seats}`;
  }

  // This process hears of everything, and at once.
  async follow(): Promise<void> {}
  async claim(): Promise<void> {}
  unfollow(): void {}

  async read(callId: CallId): Promise<StoredCall | undefined> {
    return this.#table.read(callId);
  }

  async swap(swap: Swap): Promise<Swapped> {
    const { callId, call } = swap;
    const swapped = this.#table.swap(swap);
    if (!swapped.done) return swapped;
    if (swap.version === 0) this.#calls++;
    // Its id was free again.
    if (call.phase === 'live') this.#ended.delete(callId);
    if (call.phase === 'ended' && !this.#ended.has(callId)) {
      this.#ended.add(callId);
      const [oldest] = this.#ended;
      if (oldest && this.#ended.size > this.#options.callsMax) this.#forget(oldest);
    }
    return swapped;
  }

  async relay(relay: Relay): Promise<Relayed> {
    return this.#table.relay(relay);
  }

  async createdBy(accountId: AccountId): Promise<readonly NotedCall[]> {
    return [...(this.#created.get(accountId) ?? [])].map(([callId, atMs]) => ({ callId, atMs }));
  }

  async noteCreated(accountId: AccountId, callId: CallId, nowMs: number): Promise<void> {
    this.#note(accountId, callId, nowMs);
  }

  dropCreated(accountId: AccountId, callId: CallId): void {
    const created = this.#created.get(accountId);
    created?.delete(callId);
    if (created?.size === 0) this.#created.delete(accountId);
  }

  async noteReport(callId: CallId, device: Address): Promise<boolean> {
    const reports = this.#reports.get(callId) ?? new Set();
    const isFirst = !reports.has(addressKey(device));
    // A call that nobody knows is asked for no more, and would never be forgotten.
    if (this.#table.read(callId)) this.#reports.set(callId, reports.add(addressKey(device)));
    return isFirst;
  }

  sweep(nowMs: number, framesBeforeMs: number): void {
    this.#table.dropFramesBefore(framesBeforeMs);
    for (const callId of this.#ended) {
      const call = this.#table.read(callId)?.call;
      if (call?.phase !== 'ended' || call.forgetAtMs <= nowMs) this.#forget(callId);
    }
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async close(): Promise<void> {
    this.#options.file.close();
  }

  #note(accountId: AccountId, callId: CallId, atMs: number): void {
    const created = this.#created.get(accountId) ?? new Map<CallId, number>();
    this.#created.set(accountId, created.set(callId, atMs));
  }

  #persist({ call }: StoredCall): void {
    // Read from the file just now.
    if (this.#events) this.#storing((file) => file.put(call));
  }

  #forget(callId: CallId): void {
    if (!this.#ended.delete(callId)) return;
    this.#calls--;
    this.#table.forget(callId);
    this.#reports.delete(callId);
    this.#storing((file) => file.delete(callId));
  }

  /** A full disk must not end the calls: they go on in memory, and the health check says so. */
  #storing(run: (file: CallFile) => void): void {
    try {
      run(this.#options.file);
      this.#problem = undefined;
    } catch (error) {
      if (!this.#problem) this.#options.log.error('calls cannot be stored', { error: String(error) });
      this.#problem = 'Calls cannot be stored: they would not survive a restart.';
    }
  }
}
