// Where calls are, and who hears of them. A node reads a call, steps it, and
// swaps the result in if nobody else was quicker: that swap, and nothing else,
// decides who wins an accept. What changed is told to every node that follows
// the call, in one order; each passes it on to the devices whose sockets it
// holds.
//
// A device has one place in a call: the seat (the socket, on one node) that
// created, rang, accepted or attached it last. The end of an older seat is
// nobody's loss.
import { type AccountId, type Address, type CallId, type ErrorCode, ProtocolError } from '@carillon/protocol';
import type { LiveCall } from '../core/call.ts';
import type { CallNews, Relay, Relayed, SeatName, StoredCall, Swap, Swapped } from '../core/callTable.ts';

const STORE_IS_AWAY: ReadonlySet<ErrorCode> = new Set(['internal-error', 'storage-full']);

/** Does it say that the store is away, and that nobody has refused anything? */
export function isAway(error: unknown): boolean {
  return error instanceof ProtocolError && STORE_IS_AWAY.has(error.code);
}

/** What a store tells its node. Calls of different nodes may come at once. */
export interface CallStoreEvents {
  news(callId: CallId, news: CallNews): void;
  /** Its deadline has passed and nobody has seen to it. */
  due(callId: CallId): Promise<unknown>;
  /** The node that held this seat is gone. */
  orphaned(callId: CallId, device: Address, seat: SeatName): Promise<void>;
  /** A newer socket of the device is on another node. */
  replaced(device: Address, seat: SeatName): void;
  /** News may have been missed, and places lost: every seat is to be attached again. */
  unsure(): void;
}

export interface NotedCall {
  readonly callId: CallId;
  /** When its creation was noted. */
  readonly atMs: number;
}

export interface CallStore {
  /** Calls that have not ended: all of them, or those that this node follows. */
  readonly live: number;
  /** Bytes of relayed frames that this process keeps. */
  readonly outboxBytes: number;
  start(events: CallStoreEvents): Promise<void>;
  /** Names a seat of this node. */
  seatName(): SeatName;
  /** The device's newest socket is this one; an older one on another node is ended. */
  claim(device: Address, seat: SeatName): Promise<void>;
  /** News of the call are wanted from when it resolves. */
  follow(callId: CallId): Promise<void>;
  unfollow(callId: CallId): void;
  /** Unless `fresh`, what a followed call was last heard to be will do: a swap tells. */
  read(callId: CallId, fresh: boolean): Promise<StoredCall | undefined>;
  swap(swap: Swap): Promise<Swapped>;
  relay(relay: Relay): Promise<Relayed>;
  /** Calls that the account has created, in no order; some may have ended, some are about to be created. */
  createdBy(accountId: AccountId): Promise<readonly NotedCall[]>;
  noteCreated(accountId: AccountId, callId: CallId, nowMs: number): Promise<void>;
  dropCreated(accountId: AccountId, callId: CallId): void;
  /** Calls that were live when the last process ended, where nobody else can have had them since. */
  readonly restored: readonly LiveCall[];
  /** That this device has said how good the call was. False: it had already. */
  noteReport(callId: CallId, device: Address): Promise<boolean>;
  /** Drops what time alone has made useless. */
  sweep(nowMs: number, framesBeforeMs: number): void;
  /** Why it cannot keep its promises at the moment, in words. */
  problem(): string | undefined;
  close(): Promise<void>;
}
