// Opening the SDK in Node: SQLite, native cryptography, sharp and ffmpeg.
import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import type { CallsFactory } from '../api.ts';
import { Carillon } from '../carillon.ts';
import type { Platform, Store } from '../ports.ts';
import { prepareOnNode } from './prepare.ts';
import { SqliteStore } from './sqliteStore.ts';

export interface NodeOptions {
  /** Origin of the services, for example `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** Folder of this device's keys and messages; made if need be, for its owner alone. */
  readonly dataDir: string;
  readonly calls?: CallsFactory | undefined;
}

/** @throws Error in words, when the folder cannot be used or another process uses it */
export function openCarillon(options: NodeOptions): Promise<Carillon> {
  const platform = nodePlatform(openStore(options.dataDir));
  return Carillon.open({ platform, baseUrl: options.baseUrl, calls: options.calls });
}

/** This platform over a store. */
export function nodePlatform(store: Store): Platform {
  return {
    crypto: nativeProvider,
    store,
    prepare: prepareOnNode,
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch,
    now: Date.now,
  };
}

function openStore(dataDir: string): SqliteStore {
  const folder = resolve(dataDir);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, 'carillon.db');
    const store = new SqliteStore(path);
    chmodSync(path, 0o600);
    return store;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const words = /locked/i.test(reason)
      ? `Carillon is already running with the folder ${folder}. End it first, or choose another folder.`
      : `The folder ${folder} cannot be used: ${reason}`;
    throw new Error(words, { cause });
  }
}
