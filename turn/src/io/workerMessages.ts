// What the process before the workers and a worker say to each other.
import type { TurnConfig } from '../config.ts';
import type { RelayPorts, RelayStats } from './relayOptions.ts';

export type ToWorker =
  /** Ports of 0 take free ones; the worker listens for UDP only. */
  | { readonly type: 'start'; readonly config: TurnConfig; readonly port: number }
  /** Comes with the connection. */
  | { readonly type: 'stream'; readonly over: 'tcp' | 'tls' }
  | { readonly type: 'stop' };

export type FromWorker =
  | { readonly type: 'ready'; readonly ports: RelayPorts }
  | { readonly type: 'failed'; readonly words: string }
  | { readonly type: 'stats'; readonly stats: RelayStats };
