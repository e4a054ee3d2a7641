import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CallId, type DeviceId, EndReason, PATHS, ParticipantState, utf8 } from '@carillon/protocol';
import type { ServiceMessage } from '@carillon/service';
import { accessJwks, Device, Harness, newId, temporaryDir } from './harness.ts';

type Starter = (accountId?: Device['accountId'], deviceId?: number) => Promise<Device>;

async function running(device: Starter) {
  const [alice, bob] = [await device(), await device()];
  const callId = newId<CallId>();
  await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [bob.accountId] } });
  await bob.want('state', { case: 'accept', value: { callId } });
  return { alice, bob, callId };
}

describe('a device that comes back', () => {
  const harness = new Harness();
  const device: Starter = (accountId, deviceId) => harness.device(accountId, deviceId);
  before(() => harness.start());
  after(() => harness.end());

  it('[CALL-13] gets by attach what was relayed meanwhile, in order, once', async () => {
    const { alice, bob, callId } = await running(device);
    const say = (words: string) =>
      alice.want('done', { case: 'relay', value: { callId, to: bob.address, sealed: utf8(words) } });
    await say('one');
    assert.equal((await bob.next('relayed')).seq, 1n);
    await bob.leave();
    await say('two');
    const again = await device(bob.accountId);
    await say('three');
    const state = await again.want('state', { case: 'attach', value: { callId, receivedSeq: 1n } });
    assert.equal(state.participants[1]?.state, ParticipantState.JOINED);
    await say('four');
    for (const words of ['two', 'three', 'four']) assert.deepEqual((await again.next('relayed')).sealed, utf8(words));
    assert.equal(again.unasked.length, 0);
  });

  it('takes nothing again by the highest sequence, and hears what comes next', async () => {
    const { alice, bob, callId } = await running(device);
    const say = (words: string) =>
      alice.want('done', { case: 'relay', value: { callId, to: bob.address, sealed: utf8(words) } });
    await say('offer to a page that is gone');
    const reloaded = await device(bob.accountId);
    await reloaded.want('state', { case: 'attach', value: { callId, receivedSeq: 2n ** 64n - 1n } });
    await say('new offer');
    assert.deepEqual((await reloaded.next('relayed')).sealed, utf8('new offer'));
  });

  it('hears nothing of a call before it attaches', async () => {
    const { alice, bob, callId } = await running(device);
    await bob.leave();
    const again = await device(bob.accountId);
    await alice.want('state', { case: 'invite', value: { callId, accountIds: [newId()] } });
    await again.want('state', { case: 'attach', value: { callId } });
    assert.equal(again.unasked.length, 0);
  });

  it('takes the place of its own older socket', async () => {
    const { bob, callId } = await running(device);
    const newer = await device(bob.accountId);
    assert.deepEqual(await bob.closed, { code: 4409, reason: 'replaced-by-new-connection' });
    await newer.want('state', { case: 'attach', value: { callId } });
  });

  it('is refused as another device of the account, and as another account', async () => {
    const { bob, callId } = await running(device);
    const second = await device(bob.accountId, 2);
    await assert.rejects(second.want('state', { case: 'attach', value: { callId } }), /call-not-yours/);
    await assert.rejects(second.want('done', { case: 'hangUp', value: { callId } }), /answered-elsewhere/);
    const stranger = await device();
    await assert.rejects(stranger.want('state', { case: 'attach', value: { callId } }), /call-not-yours/);
  });
});

describe('[CALL-11] a server that is killed and started again', () => {
  const dir = temporaryDir();
  const keys = createServer((_, response) => response.end(JSON.stringify(accessJwks)));
  const devices: Device[] = [];
  let url = '';

  async function spawn() {
    const child = fork(fileURLToPath(new URL('../../src/main.ts', import.meta.url)), {
      env: {
        ...process.env,
        CARILLON_DATA_DIR: dir.path,
        CARILLON_SIGNALING_PORT: '0',
        CARILLON_MESSAGING_URL: `http://127.0.0.1:${(keys.address() as AddressInfo).port}`,
        CARILLON_ICE_STUN_URLS: 'stun:127.0.0.1:3478',
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const [message] = (await once(child, 'message')) as [ServiceMessage];
    if (message.type !== 'ready') throw new Error(message.words);
    url = `http://127.0.0.1:${message.port}`;
    return async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
  }

  const device: Starter = async (accountId = newId(), deviceId = 1) => {
    const opened = new Device(url, accountId, deviceId as DeviceId);
    devices.push(opened);
    await opened.hello();
    return opened;
  };

  before(() => new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve)));
  after(() => {
    for (const { socket } of devices) socket.terminate();
    keys.close();
    keys.closeAllConnections();
    dir.remove();
  });

  it('knows its calls: who was in attaches, and goes on', async () => {
    const kill = await spawn();
    const { alice, bob, callId } = await running(device);
    await alice.want('done', { case: 'relay', value: { callId, to: bob.address, sealed: utf8('before') } });
    const { seq } = await bob.next('relayed');
    const ended = newId<CallId>();
    const erin = await device();
    await erin.want('state', { case: 'create', value: { callId: ended, calleeAccountIds: [bob.accountId] } });
    await erin.want('done', { case: 'hangUp', value: { callId: ended } });
    await kill();
    await Promise.all([alice.closed, bob.closed]);

    const killAgain = await spawn();
    try {
      assert.equal((await fetch(`${url}${PATHS.signaling.health}`)).status, 200);
      const aliceAgain = await device(alice.accountId);
      const state = await aliceAgain.want('state', { case: 'attach', value: { callId } });
      assert.deepEqual(
        state.participants.map((p) => [p.accountId, p.state, p.number]),
        [
          [alice.accountId, ParticipantState.JOINED, 1],
          [bob.accountId, ParticipantState.JOINED, 2],
        ],
      );
      // Relayed before bob is back, and yet above what he had received.
      await aliceAgain.want('done', { case: 'relay', value: { callId, to: bob.address, sealed: utf8('after') } });
      const bobAgain = await device(bob.accountId);
      await bobAgain.want('state', { case: 'attach', value: { callId, receivedSeq: seq } });
      const relayed = await bobAgain.next('relayed');
      assert.deepEqual(relayed.sealed, utf8('after'));
      assert.ok(relayed.seq > seq);
      await assert.rejects(bobAgain.want('state', { case: 'ring', value: { callId: ended } }), /call-unknown/);
      assert.equal((await bobAgain.next('ended')).reason, EndReason.CANCELLED);
      await bobAgain.want('done', { case: 'hangUp', value: { callId } });
      assert.equal((await aliceAgain.next('ended')).reason, EndReason.HUNG_UP);
    } finally {
      await killAgain();
    }
  });
});
