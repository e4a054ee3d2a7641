// The port to a push service. A push carries no content and no name: it only
// makes a device connect, and what waits is fetched over the encrypted way.
import type { PushTarget } from '../../core/messagingStore.ts';

export interface Wake {
  /** A call rings: the device must be woken now, or not at all. */
  readonly urgent: boolean;
  /** Unix milliseconds; after it nothing of this is worth a wake-up. */
  readonly expiresAtMs: number;
}

export type PushOutcome =
  | { readonly type: 'accepted' }
  /** The app is gone from the device, or has another token now. */
  | { readonly type: 'token-gone' }
  /** `service`: it is the whole service that asks for a pause, or cannot be reached, not this one device. */
  | { readonly type: 'try-again'; readonly retryAfterMs: number | undefined; readonly service: boolean }
  /** Ours to mend: credentials, configuration, a bug. */
  | { readonly type: 'refused'; readonly reason: string };

export interface PushSender {
  /** Does not throw. */
  send(target: PushTarget, wake: Wake): Promise<PushOutcome>;
  close(): Promise<void>;
}

export interface PushRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

export interface PushReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}
