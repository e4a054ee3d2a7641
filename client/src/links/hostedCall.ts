// Which call of ours belongs to which link: who knocks at it meanwhile comes into
// that call. Kept in the store, so that a page loaded again still knows.
import type { CallId } from '@carillon/protocol';
import { z } from 'zod';
import type { CallView } from '../model.ts';
import type { Store } from '../ports.ts';
import type { LinkId } from './core/link.ts';

const KEY = 'by-link';
const recordSchema = z.object({ callId: z.string(), linkId: z.string() });

interface Hosted {
  readonly callId: CallId;
  readonly linkId: LinkId;
  /** Signaling knows the call: others can be invited. */
  readonly ready: PromiseWithResolvers<void>;
}

export class HostedCall {
  readonly loaded: Promise<void>;
  readonly #store: Store;
  #hosted: Hosted | undefined;
  #writing: Promise<void>;

  constructor(store: Store) {
    this.#store = store;
    this.loaded = this.#load();
    this.#writing = this.loaded;
  }

  set(callId: CallId, linkId: LinkId): void {
    this.#hosted?.ready.resolve();
    this.#hosted = { callId, linkId, ready: Promise.withResolvers() };
    this.#write({ callId, linkId });
  }

  isOf(callId: CallId, linkId: LinkId): boolean {
    return this.#hosted?.callId === callId && this.#hosted.linkId === linkId;
  }

  /** The call, once others can be invited into it. */
  async ready(): Promise<CallId> {
    const hosted = this.#hosted!;
    await hosted.ready.promise;
    return hosted.callId;
  }

  changed({ callId, phase }: CallView): void {
    if (this.#hosted?.callId !== callId) return;
    if (phase !== 'starting') this.#hosted.ready.resolve();
    if (phase !== 'ended') return;
    this.#hosted = undefined;
    this.#write(undefined);
  }

  async #load(): Promise<void> {
    const stored = await this.#store.transaction((tx) => tx.get('calls', KEY)).catch(() => undefined);
    const { success, data } = recordSchema.safeParse(stored);
    if (!success) return;
    const ready = Promise.withResolvers<void>();
    ready.resolve();
    this.#hosted ??= { callId: data.callId as CallId, linkId: data.linkId as LinkId, ready };
  }

  /** Only what is told last matters; lost, who knocks after a reload finds the owner busy. */
  #write(record: z.infer<typeof recordSchema> | undefined): void {
    this.#writing = this.#writing
      .then(() => this.#store.transaction((tx) => (record ? tx.put('calls', KEY, record) : tx.delete('calls', KEY))))
      .catch(() => {});
  }
}
