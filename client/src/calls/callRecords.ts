// The call this device is in, kept so that a page loaded again can take it up.
import type { AccountId, Address, CallId, DeviceId } from '@carillon/protocol';
import { z } from 'zod';
import type { Store } from '../ports.ts';
import type { Call } from './core/callMachine.ts';

/** There is one active call, so one key. */
const KEY = 'active';
/** A call nobody heard of for this long is over (LIMITS.reconnectMs, with a margin for a slow start of the page). */
const RESUMABLE_MS = 60_000;

const recordSchema = z.object({
  callId: z.string(),
  outgoing: z.boolean(),
  createdBy: z.string(),
  video: z.boolean(),
  mode: z.enum(['peer', 'room']),
  connectedAtMs: z.number(),
  /** The other device of a peer call and the secret shared with it. */
  peer: z.object({ accountId: z.string(), deviceId: z.number(), secret: z.instanceof(Uint8Array) }).optional(),
  generation: z.number(),
  receivedSeq: z.bigint(),
  aliveAtMs: z.number(),
});

export interface CallRecord {
  readonly callId: CallId;
  readonly outgoing: boolean;
  readonly createdBy: AccountId;
  readonly video: boolean;
  readonly mode: 'peer' | 'room';
  readonly connectedAtMs: number;
  readonly peer?:
    | { readonly accountId: AccountId; readonly deviceId: DeviceId; readonly secret: Uint8Array }
    | undefined;
  readonly generation: number;
  readonly receivedSeq: bigint;
  /** When this device was last in it, Unix milliseconds. */
  readonly aliveAtMs: number;
}

/** Undefined before there was media, and after the end. */
export function recordOf(
  call: Call,
  secret: Uint8Array | undefined,
  generation: number,
  receivedSeq: bigint,
): Omit<CallRecord, 'aliveAtMs'> | undefined {
  if (!('connectedAtMs' in call) || call.connectedAtMs === undefined || call.phase === 'ended') return undefined;
  const { callId, outgoing, createdBy, video, mode, connectedAtMs, peer } = call;
  return {
    ...{ callId, outgoing, createdBy, video, mode, connectedAtMs, generation, receivedSeq },
    ...(peer && secret ? { peer: { ...peer, secret } } : {}),
  };
}

export class CallRecords {
  readonly #store: Store;
  readonly #now: () => number;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Writes follow one another; only the last state matters, so a failed one is let go. */
  save(record: Omit<CallRecord, 'aliveAtMs'>): Promise<void> {
    return this.#write((tx) => tx.put('calls', KEY, { ...record, aliveAtMs: this.#now() }));
  }

  forget(callId: CallId): Promise<void> {
    return this.#write(async (tx) => {
      const record = await tx.get<{ callId?: string }>('calls', KEY);
      if (record?.callId === callId) await tx.delete('calls', KEY);
    });
  }

  async load(): Promise<CallRecord | undefined> {
    await this.#writing;
    const parsed = recordSchema.safeParse(await this.#store.transaction((tx) => tx.get('calls', KEY)));
    if (!parsed.success || this.#now() - parsed.data.aliveAtMs > RESUMABLE_MS) return undefined;
    return parsed.data as unknown as CallRecord;
  }

  #write(run: Parameters<Store['transaction']>[0]): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#store.transaction(run))
      .then(
        () => {},
        () => {},
      );
    return this.#writing;
  }
}

export function peerAddress(peer: NonNullable<CallRecord['peer']>): Address {
  return { accountId: peer.accountId, deviceId: peer.deviceId };
}
