import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CallId, SignalingClientFrameSchema, SignalingServerFrameSchema } from '@carillon/protocol';
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

/** What calls are kept in is away at the first hang-up, and back at the next. */
function awayOnce(said: string[]): typeof WebSocket {
  return class extends WebSocket {
    override send(data: Uint8Array<ArrayBuffer>): void {
      const { requestId, body } = fromBinary(SignalingClientFrameSchema, data);
      said.push(body.case ?? '');
      if (body.case !== 'hangUp' || said.filter((each) => each === 'hangUp').length > 1) {
        super.send(data);
        return;
      }
      const failure = { case: 'failure', value: { code: 'internal-error' } } as const;
      const frame = create(SignalingServerFrameSchema, { replyTo: requestId, body: failure });
      const reply = toBinary(SignalingServerFrameSchema, frame);
      this.dispatchEvent(new MessageEvent('message', { data: reply.slice().buffer }));
    }
  };
}

test('a hang-up is said again while the server cannot take it', async () => {
  const services = await CallServices.start();
  const store = new SqliteStore(':memory:');
  const said: string[] = [];
  const channel = new TestChannel(await services.account('ana'), [], () => {});
  const platform = { ...nodePlatform(store), WebSocket: awayOnce(said) };
  const client = new SignalingClient({ channel, baseUrl: services.baseUrl, platform });
  try {
    const none = () => {};
    const callId = randomId<CallId>();
    client.join({
      callId,
      receivedSeq: undefined,
      snapshot: none,
      ended: none,
      relayed: none,
      forgotten: none,
      socket: none,
    });
    const asked = client.request({ case: 'hangUp', value: { callId } }, 'done');
    await assert.rejects(asked, { code: 'call-unknown' }, 'as the server says once it is back');
    assert.deepEqual(said, ['hello', 'hangUp', 'hangUp']);
  } finally {
    client.close();
    await services.close();
    await store.close();
  }
});
