// Tells a device that something was put into its queue; or the event log, when
// the device is not connected, so that somebody can wake it.
import type { Address } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { Switchboard } from '../core/switchboard.ts';
import type { EventNotes } from './eventNotes.ts';

export interface QueueNoticesOptions {
  readonly switchboard: Switchboard;
  readonly events: EventNotes;
  readonly log: Log;
}

export interface Notice {
  readonly urgent: boolean;
  readonly expiresAtMs: number;
}

export class QueueNotices {
  readonly #options: QueueNoticesOptions;

  constructor(options: QueueNoticesOptions) {
    this.#options = options;
  }

  /** Never rejects: a notice lost costs a moment, since queues are read again on every connection. */
  async queued(address: Address, { urgent, expiresAtMs }: Notice): Promise<void> {
    const { switchboard, events, log } = this.#options;
    try {
      if (await switchboard.signal(address, { type: 'queued' })) return;
      // Whoever wakes devices looks into the queue first: it may be empty, where a blocked sender's message was dropped.
      events.waiting(address, urgent, expiresAtMs);
    } catch (error) {
      log.error('a device could not be told of its queue', { error: String(error) });
    }
  }
}
