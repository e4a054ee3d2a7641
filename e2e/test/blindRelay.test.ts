// A call between two Node devices, forced through the relay: what the relay and
// signaling carry of it opens with what the devices hold, and with nothing else.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { createNodeCalls } from '@carillon/client/node';
import { PATHS, SignalingServerFrameSchema } from '@carillon/protocol';
import { isMedia, isRtcp, RtpHeader, RtpPacket, SrtpAuthenticationError, SrtpSession } from 'werift';
import { clip } from '../src/mediaFiles.ts';
import { NodeDevice } from '../src/nodeDevice.ts';
import { heldInMemory } from '../src/processMemory.ts';
import { rtpKey, type SrtpConfig, type SrtpEnd, witnessSrtp } from '../src/srtpWitness.ts';
import { everyByteIn, tapped } from '../src/taps.ts';
import { World } from '../src/world.ts';

/** Of each kind in each direction: seconds of sound, and a key frame's packets. */
const PACKETS_MIN = 60;
const PATIENCE_MS = 40_000;
/** Of a payload: enough never to come about by chance. */
const COMPARED_BYTES = 16;
/** A sealed description is larger, a candidate smaller. */
const DESCRIPTION_BYTES_MIN = 1_000;

const witness = witnessSrtp();
/** What went over the devices' signaling sockets, both ways; and of it what one device sealed for the other. */
const signaled: Buffer[] = [];
const sealed: Uint8Array[] = [];
let world: World;
let ana: NodeDevice;
let bob: NodeDevice;

before(async () => {
  world = await World.open({ taps: true });
  const calls = createNodeCalls({ media: await clip(world.dir), iceTransportPolicy: 'relay' });
  const open = (handle: string) =>
    NodeDevice.open(world, handle, { calls, platform: { WebSocket: ListenedWebSocket } });
  [ana, bob] = await Promise.all([open('ana'), open('bob')]);
});
after(async () => {
  witness.stop();
  await Promise.all([ana, bob].map((device) => device?.close()));
  await world?.close();
});

class ListenedWebSocket extends WebSocket {
  readonly #isSignaling: boolean;

  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.#isSignaling = new URL(url).pathname === PATHS.signaling.socket;
    if (!this.#isSignaling) return;
    this.addEventListener('message', ({ data }) => {
      const frame = Buffer.from(data);
      signaled.push(frame);
      const { body } = fromBinary(SignalingServerFrameSchema, frame);
      if (body.case === 'relayed') sealed.push(body.value.sealed);
    });
  }

  override send(data: Parameters<WebSocket['send']>[0]): void {
    if (this.#isSignaling) signaled.push(Buffer.from(data as Uint8Array));
    super.send(data);
  }
}

async function packetsReceived(device: NodeDevice, kind: string): Promise<number> {
  const entries = await device.carillon.calls.stats();
  return entries
    .filter((entry) => entry.type === 'inbound-rtp' && entry.kind === kind)
    .reduce((sum, entry) => sum + Number(entry.packetsReceived), 0);
}

/** They hear and see each other for a while, through the relay alone. */
async function call(): Promise<void> {
  const { with: contact } = await ana.carillon.startConversation('bob');
  const { callId } = await ana.carillon.calls.start([contact.accountId], { video: true });
  await bob.until('call', () => bob.carillon.calls.current?.phase === 'ringing-in');
  await bob.carillon.calls.accept(callId, { video: true });
  for (const device of [ana, bob]) {
    await device.until('call', () => device.carillon.calls.current?.phase === 'active');
    const deadline = Date.now() + PATIENCE_MS;
    while (Math.min(await packetsReceived(device, 'audio'), await packetsReceived(device, 'video')) < PACKETS_MIN) {
      assert.ok(Date.now() < deadline, `${device.account.handle} hears and sees too little`);
      await pause(100);
    }
  }
}

/** The SRTP packets that the relay saw, each once: it has an allocation at both ends of its path. */
function relayedMedia(): Buffer[] {
  const datagrams = tapped(world.tapFiles.turn).filter((datagram) => isMedia(datagram) && !isRtcp(datagram));
  return [...new Map(datagrams.map((datagram) => [datagram.toString('latin1'), datagram])).values()];
}

/** How many of them open, with what this end receives by, to what the other end sent. */
function opened(datagrams: readonly Buffer[], receiver: SrtpConfig, sender: SrtpEnd): number {
  const session = new SrtpSession(receiver);
  return datagrams.filter((datagram) => {
    try {
      const { header, payload } = RtpPacket.deSerialize(session.decrypt(Buffer.from(datagram)));
      return sender.sent.get(rtpKey(header))?.equals(payload);
    } catch (error) {
      assert.ok(error instanceof SrtpAuthenticationError, String(error));
      return false;
    }
  }).length;
}

/** The same session, had the other end's key been another. */
const withOtherKey = ({ keys, profile }: SrtpConfig): SrtpConfig => ({
  profile,
  keys: { ...keys, remoteMasterKey: randomBytes(keys.remoteMasterKey.length) },
});

test('the relay carries what opens with the keys of the two peers, and not without', async () => {
  await call();
  const [one, other] = witness.ends as [SrtpEnd, SrtpEnd];
  assert.equal(witness.ends.length, 2);
  const datagrams = relayedMedia();
  const sentBy = (end: SrtpEnd) => datagrams.filter((datagram) => end.sent.has(rtpKey(headerOf(datagram))));
  for (const [sender, receiver] of [
    [one, other],
    [other, one],
  ] as const) {
    const packets = sentBy(sender);
    const streams = Map.groupBy(packets, (datagram) => headerOf(datagram).ssrc);
    assert.deepEqual(
      [...streams.values()].filter(({ length }) => length >= PACKETS_MIN).length,
      2,
      'sound and picture',
    );
    assert.equal(opened(packets, receiver.config, sender), packets.length);
    // The key of the other direction is a key of this call, and opens nothing of this one.
    assert.equal(opened(packets, sender.config, sender), 0);
    assert.equal(opened(packets, withOtherKey(receiver.config), sender), 0);
  }
  assert.equal(sentBy(one).length + sentBy(other).length, datagrams.length, 'nothing else crossed the relay');
  const crossed = Buffer.concat(datagrams);
  for (const payload of witness.ends.flatMap(({ sent }) => [...sent.values()]).slice(0, 500))
    if (payload.length >= COMPARED_BYTES) assert.equal(crossed.includes(payload.subarray(-COMPARED_BYTES)), false);
});

test('[CALL-20] signaling neither passes on nor keeps a fingerprint, a candidate or the names of ICE', async () => {
  const passed = Buffer.concat(signaled);
  const kept = world.frozen(() => everyByteIn(path.join(world.dataDir, 'signaling')));
  const callId = ana.carillon.calls.current!.callId;
  // The search finds what is there: the call, and an offer and an answer among what was sealed.
  for (const bytes of [passed, kept]) assert.ok(bytes.includes(callId));
  assert.ok(sealed.filter(({ length }) => length > DESCRIPTION_BYTES_MIN).length >= 2);
  for (const bytes of sealed) assert.ok(passed.includes(Buffer.from(bytes)));
  const names = ['ice-ufrag', 'ice-pwd', 'fingerprint', 'candidate', 'typ relay', 'raddr', 'a=setup', 'm=audio'];
  for (const plain of [...names, ...witness.ends.map(({ fingerprint }) => fingerprint)])
    for (const bytes of [passed, kept]) assert.equal(bytes.includes(plain), false, plain);
});

test('[CALL-20] no service has a fingerprint or a media key of the call in its memory', () => {
  const keys = witness.ends.flatMap(({ config }) => [config.keys.localMasterKey, config.keys.remoteMasterKey]);
  const fingerprints = witness.ends.map(({ fingerprint }) => fingerprint);
  const secrets = [...keys, ...fingerprints.flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le')])];
  const callId = Buffer.from(ana.carillon.calls.current!.callId);
  const held = world.frozen(() =>
    Object.entries(world.system.services).map(([name, { pid }]) => ({
      name,
      has: heldInMemory(pid!, [callId, ...secrets]),
    })),
  );
  for (const { name, has } of held) {
    // The search finds what is there: signaling knows that there is a call.
    assert.deepEqual(has, name === 'signaling' ? [callId] : [], name);
  }
});

test('both hang up', async () => {
  await ana.carillon.calls.hangUp(ana.carillon.calls.current!.callId);
  await bob.until('call', () => bob.carillon.calls.current === undefined);
});

const headerOf = (datagram: Buffer) => RtpHeader.deSerialize(datagram);
