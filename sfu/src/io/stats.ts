import type { IncomingMessage } from 'node:http';
import type { WorkerUsage } from './mediaEngine.ts';

export const STATS_PATH = '/sfu/stats';

/** What the benchmark and an operator on this machine may ask for. */
export interface SfuStats {
  readonly rooms: number;
  readonly members: number;
  readonly processCpuMs: number;
  readonly workers: readonly WorkerUsage[];
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/** From this machine and not by way of a proxy on it. */
export function isLocalCaller({ socket, headers }: IncomingMessage): boolean {
  const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
  return !isForwarded && LOOPBACK.test(socket.remoteAddress ?? '');
}
