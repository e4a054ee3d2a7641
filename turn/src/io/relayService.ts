// What serves clients: one relay in this process, or workers.
import type { Log } from '@carillon/service';
import type { TurnConfig } from '../config.ts';
import { configuredOptions } from './configuredOptions.ts';
import { Relay } from './relay.ts';
import type { RelayOptions, RelayPorts, RelayStats } from './relayOptions.ts';
import { tapFile } from './tapFile.ts';
import { WorkerPool } from './workerPool.ts';

export interface RelayService {
  /** The first worker's; the UDP ports of the others follow it. */
  readonly ports: RelayPorts;
  readonly stats: RelayStats;
  problems(): string[];
  stop(): Promise<void>;
}

/** @throws Error when a port is taken or the configuration contradicts itself; nothing is left running */
export async function startRelayService(config: TurnConfig, log: Log): Promise<RelayService> {
  if (config.CARILLON_TURN_WORKERS === 1) {
    const { relay, ports, stop } = await openRelay(config, log);
    return {
      ports,
      get stats() {
        return relay.stats;
      },
      problems: () => [],
      stop,
    };
  }
  const pool = new WorkerPool(config, configuredOptions(config, log));
  const ports = await pool.start();
  return {
    ports,
    get stats() {
      return pool.stats;
    },
    problems: () => pool.problems(),
    stop: () => pool.stop(),
  };
}

export interface OpenRelay {
  readonly relay: Relay;
  readonly ports: RelayPorts;
  stop(): Promise<void>;
}

export async function openRelay(config: TurnConfig, log: Log, changed: Partial<RelayOptions> = {}): Promise<OpenRelay> {
  const tap = config.CARILLON_TURN_TAP_FILE ? tapFile(config.CARILLON_TURN_TAP_FILE) : undefined;
  const relay = new Relay({ ...configuredOptions(config, log), tap: tap?.tap, ...changed });
  const ports = await relay.start();
  return {
    relay,
    ports,
    stop: async () => {
      await relay.stop();
      tap?.close();
    },
  };
}
