// An append-only stream of what happened, without content: who consumes it has a
// name, and goes on from where it stopped. At least once: a consumer that ends
// between its work and its commit sees the event again.
// test/eventLogContract.ts holds every adapter to this.
import type { AccountId, DeviceId } from '@carillon/protocol';

export type CarillonEvent =
  | {
      readonly type: 'device-connected' | 'device-disconnected';
      readonly accountId: AccountId;
      readonly deviceId: DeviceId;
    }
  | {
      readonly type: 'device-added' | 'device-removed';
      readonly accountId: AccountId;
      readonly deviceId: DeviceId;
    }
  /** Into the queue of a device that is not connected: somebody may have to wake it. */
  | {
      readonly type: 'envelope-waiting';
      readonly accountId: AccountId;
      readonly deviceId: DeviceId;
      readonly urgent: boolean;
      readonly expiresAtMs: number;
    }
  /** Acknowledged by the device: `count` envelopes. */
  | {
      readonly type: 'envelopes-delivered';
      readonly accountId: AccountId;
      readonly deviceId: DeviceId;
      readonly count: number;
    }
  /** `durationMs` from its creation, ringing included. */
  | { readonly type: 'call-ended'; readonly callId: string; readonly reason: string; readonly durationMs: number }
  /** How good a call was for one of its devices, whose name is not kept. Scores are 1 to 4.5, loss is 0 to 1. */
  | {
      readonly type: 'call-quality';
      readonly callId: string;
      readonly path: 'direct' | 'relay-udp' | 'relay-tcp' | 'relay-tls' | 'room';
      readonly seconds: number;
      readonly scoreMean: number;
      readonly scoreMin: number;
      readonly roundTripP50Ms: number;
      readonly roundTripP95Ms: number;
      readonly jitterP50Ms: number;
      readonly jitterP95Ms: number;
      readonly lossMean: number;
      readonly lossP95: number;
      readonly iceRestarts: number;
      readonly audioOnlySeconds: number;
    };

export interface RecordedEvent {
  /** Grows; opaque to consumers. */
  readonly position: string;
  readonly atMs: number;
  readonly event: CarillonEvent;
}

export interface EventLog {
  /** Resolves when it is in the log. Events may share a commit. */
  append(event: CarillonEvent, atMs: number): Promise<void>;
  /**
   * The next events for this consumer, oldest first; waits up to `waitMs` for the first. Each is given out once while
   * the log is open, and again after that unless it was committed. Where several nodes read under one consumer's name,
   * each event goes to one of them, and what a dead one did not commit goes to another.
   */
  read(consumer: string, limit: number, waitMs: number): Promise<readonly RecordedEvent[]>;
  /** The consumer is done with this event and everything that was given out to it before. */
  commit(consumer: string, position: string): Promise<void>;
  /** Keeps the newest `eventsMax`; a consumer that is further behind goes on with the oldest there is. */
  trim(eventsMax: number): Promise<void>;
  /** Readers that wait are answered with nothing. */
  close(): Promise<void>;
}
