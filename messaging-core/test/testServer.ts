// messaging-core in this process, on a free port and a folder of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { PATHS } from '@carillon/protocol';
import { listen, parseConfig, silentLog } from '@carillon/service';
import { createMessaging, type MessagingOptions, messagingConfigSchema } from '../src/index.ts';
import type { TestServer } from './testDevice.ts';

/** As many registrations and requests as a test likes. */
export const TEST_ENV = {
  CARILLON_MESSAGING_PORT: '0',
  CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: '100000',
  CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: '10000',
  CARILLON_MESSAGING_FRAMES_PER_SECOND: '10000',
  CARILLON_MESSAGING_LINKS_PER_HOUR_PER_ADDRESS: '100000',
  CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_ADDRESS: '100000',
};

export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'carillon-messaging-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export interface RunningTestServer extends TestServer {
  readonly dataDir: string;
  /** Milliseconds added to the clock. */
  clock: { aheadMs: number };
  close(): Promise<void>;
}

export async function startServer(
  t: TestContext,
  env: Record<string, string> = {},
  options: Partial<MessagingOptions> = {},
): Promise<RunningTestServer> {
  const dataDir = env.CARILLON_DATA_DIR ?? (await mkdtemp(path.join(tmpdir(), 'carillon-messaging-')));
  const config = parseConfig(messagingConfigSchema, { ...TEST_ENV, CARILLON_DATA_DIR: dataDir, ...env });
  const codes = new Map<string, string>();
  const clock = { aheadMs: 0 };
  const messaging = await createMessaging({
    config,
    log: silentLog,
    verifier: {
      async sendCode(handle, code) {
        codes.set(handle, code);
      },
    },
    now: () => Date.now() + clock.aheadMs,
    ...options,
  });
  const listening = await listen(messaging, {
    name: 'messaging-core',
    healthPath: PATHS.messaging.health,
    host: '127.0.0.1',
    port: 0,
    log: options.log ?? silentLog,
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= listening.close();
    return closing;
  };
  t.after(async () => {
    await close();
    if (!env.CARILLON_DATA_DIR) await rm(dataDir, { recursive: true, force: true });
  });
  return { url: listening.url, dataDir, clock, codeFor: (handle) => codes.get(handle)!, close };
}
