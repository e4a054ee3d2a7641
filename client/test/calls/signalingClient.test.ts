import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallId } from '@carillon/protocol';
import { SignalingClient } from '../../src/calls/signalingClient.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import { CallServices, randomId } from './callServices.ts';
import { TestChannel } from './contentHub.ts';

/** Its first token is none that signaling takes. */
class StaleChannel extends TestChannel {
  readonly refusals: boolean[] = [];

  override accessToken(refused = false): Promise<string> {
    this.refusals.push(refused);
    return refused ? super.accessToken() : Promise.resolve('no token of this system');
  }
}

test('a token that signaling refuses is not shown to it again', async () => {
  const services = await CallServices.start();
  const store = new SqliteStore(':memory:');
  const channel = new StaleChannel(await services.account('ana'), [], () => {});
  const client = new SignalingClient({ channel, baseUrl: services.baseUrl, platform: nodePlatform(store) });
  try {
    const none = () => {};
    const listener = { callId: randomId<CallId>(), receivedSeq: undefined, snapshot: none, ended: none };
    client.join({ ...listener, relayed: none, forgotten: none, socket: none });
    await client.online();
    assert.deepEqual(channel.refusals, [false, true]);
  } finally {
    client.close();
    await services.close();
    await store.close();
  }
});
