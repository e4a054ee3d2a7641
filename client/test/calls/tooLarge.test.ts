// A device whose WebRTC describes itself at greater length than signaling relays.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { LIMITS } from '@carillon/protocol';
import type { Peer, PeerOptions } from '../../src/calls/engine.ts';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device } from './nodeDevice.ts';
import { WatchedEngine } from './watchedEngine.ts';

class WordyEngine extends WatchedEngine {
  override createPeer(options: PeerOptions): Peer {
    return new Proxy(super.createPeer(options), {
      get: (target, name) => {
        if (name !== 'localDescription' || !target.localDescription) return Reflect.get(target, name, target);
        const { type, sdp } = target.localDescription;
        return { type, sdp: sdp + 'a=x-more:1\r\n'.repeat(LIMITS.sealedSignalBytesMax / 12) };
      },
    });
  }
}

const services = await CallServices.start();
const devices: Device[] = [];

after(async () => {
  await Promise.all(devices.map((device) => device.close()));
  await services.close();
});

test('[CALL-73] a call fails in words when the device has more to say of itself than is relayed', async () => {
  const contacts = (await Promise.all([services.account('ana'), services.account('bo')])) as [TestAccount, TestAccount];
  const ana = new Device(services, contacts[0], contacts);
  const bo = new Device(services, contacts[1], contacts, { engine: new WordyEngine() });
  devices.push(ana, bo);
  await ana.calls.start([bo.self.accountId], { video: false });
  const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await bo.calls.accept(callId, { video: false });
  const { words } = await bo.until('ended', ({ phase }) => phase === 'ended');
  assert.match(words, /more than the server relays/);
  await ana.until('ended', ({ phase }) => phase === 'ended');
});
