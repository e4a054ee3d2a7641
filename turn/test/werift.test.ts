// A WebRTC endpoint that is no browser: werift, its own ICE and TURN client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RTCPeerConnection } from 'werift';
import { Relay, type RelayPorts } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { credential } from './turnClient.ts';

let relay: Relay;
let ports: RelayPorts;

before(async () => {
  relay = new Relay(relayOptions({ tcpPort: 0, allocationsPerUserMax: 50 }));
  ports = await relay.start();
});
after(() => relay.stop());

for (const over of ['udp', 'tcp'] as const) {
  test(`[TURN-4] two connections of werift talk by the relay over ${over}`, { timeout: 30_000 }, async (t) => {
    const { username, password } = credential(SECRET, `werift-${over}`, Math.floor(Date.now() / 1000) + 3600);
    const urls = `turn:127.0.0.1:${ports[over]}?transport=${over}`;
    const config = { iceServers: [{ urls, username, credential: password }], iceTransportPolicy: 'relay' as const };
    const [one, two] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
    t.after(() => Promise.all([one.close(), two.close()]));
    one.onIceCandidate.subscribe((candidate) => candidate && void two.addIceCandidate(candidate));
    two.onIceCandidate.subscribe((candidate) => candidate && void one.addIceCandidate(candidate));
    two.onDataChannel.subscribe((channel) => channel.onMessage.subscribe((data) => channel.send(data)));
    const channel = one.createDataChannel('echo');
    const echoed = new Promise<string>((resolve) => channel.onMessage.subscribe((data) => resolve(String(data))));
    channel.stateChanged.subscribe((state) => state === 'open' && channel.send(Buffer.from('there and back')));
    await one.setLocalDescription(await one.createOffer());
    await two.setRemoteDescription(one.localDescription!);
    await two.setLocalDescription(await two.createAnswer());
    await one.setRemoteDescription(two.localDescription!);
    assert.equal(await echoed, 'there and back');
    const { toPeerPackets, allocations } = relay.stats;
    assert.ok(toPeerPackets > 0 && allocations >= 2, JSON.stringify(relay.stats));
  });
}
