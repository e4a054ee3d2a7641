// Push services that ask for a pause: each speaks for itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, Address, DeviceId } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import type { PushTarget, QueuedEnvelope } from '../../src/core/messagingStore.ts';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { PushDispatcher } from '../../src/push/io/pushDispatcher.ts';
import { messageId } from '../testDevice.ts';

test("[PUSH-6] of browsers' push services one's pause holds up its own subscriptions and no other's", async (t) => {
  const asked: string[] = [];
  const targetOf = new Map<AccountId, string>();
  const dispatcher = new PushDispatcher({
    senders: new Map([
      [
        'web',
        {
          send: async ({ token }: PushTarget) => {
            asked.push(new URL(token).host);
            return token.startsWith('https://down.')
              ? ({ type: 'try-again', retryAfterMs: 3_000_000, service: true } as const)
              : ({ type: 'accepted' } as const);
          },
          close: async () => {},
        },
      ],
    ]),
    store: {
      page: async () => [{} as QueuedEnvelope],
      pushTargets: async ({ accountId }) => [
        { service: 'web', token: targetOf.get(accountId)!, p256dh: undefined, auth: undefined },
      ],
      dropPushTarget: async () => {},
    },
    switchboard: { isConnected: async () => false },
    shortLived: new MemoryShortLived(Date.now),
    now: Date.now,
    log: silentLog,
  });
  t.after(() => dispatcher.close());
  for (const host of ['down.example.org', 'down.example.org', 'up.example.org']) {
    const address: Address = { accountId: messageId() as AccountId, deviceId: 1 as DeviceId };
    targetOf.set(address.accountId, `https://${host}/x`);
    await dispatcher.wake(address, { urgent: true, expiresAtMs: Date.now() + 60_000, atMs: Date.now() });
  }
  assert.deepEqual(asked, ['down.example.org', 'up.example.org']);
});
