// Calls between Node devices: real signaling, real ICE, DTLS and SRTP, media
// from a file.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Relayed } from '@carillon/protocol';
import { CallSealing, CallSealingError } from '../../src/calls/callSealing.ts';
import { decodeSignal } from '../../src/calls/signals.ts';
import type { NodeCallsOptions } from '../../src/node/calls/index.ts';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device, type Tap } from './nodeDevice.ts';

let services: CallServices;
let folder: string;
let media: string;
const devices: Device[] = [];

before(async () => {
  services = await CallServices.start();
  folder = await mkdtemp(join(tmpdir(), 'carillon-node-calls-'));
  media = join(folder, 'media.webm');
  const picture = ['-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10:duration=2'];
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=2'];
  await promisify(execFile)('ffmpeg', [
    '-v',
    'error',
    ...picture,
    ...sound,
    '-c:v',
    'libvpx',
    '-c:a',
    'libopus',
    media,
  ]);
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

after(async () => {
  await services.close();
  await rm(folder, { recursive: true });
});

function device(self: TestAccount, contacts: readonly TestAccount[], media: NodeCallsOptions, tap?: Tap): Device {
  const made = new Device(services, self, contacts, { media, ...(tap ? { tap } : {}) });
  devices.push(made);
  return made;
}

async function pair(options: NodeCallsOptions, record?: string, tap?: Tap): Promise<[Device, Device]> {
  const contacts = (await Promise.all([services.account('ana'), services.account('bo')])) as [TestAccount, TestAccount];
  const recording = record === undefined ? options : { ...options, record };
  return [device(contacts[0], contacts, recording, tap), device(contacts[1], contacts, options)];
}

async function connect(ana: Device, bo: Device): Promise<void> {
  await ana.calls.start([bo.self.accountId], { video: true });
  const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await bo.calls.accept(callId, { video: true });
  await Promise.all([ana, bo].map((device) => device.until('active', ({ phase }) => phase === 'active')));
}

test('[CALL-20] two devices talk; descriptions pass signaling sealed; recordings play', async () => {
  const relayed: Relayed[] = [];
  const record = join(folder, 'heard.webm');
  const [ana, bo] = await pair({ media }, record, ({ body }) => {
    if (body.case === 'relayed') relayed.push(body.value);
  });
  let secret: Uint8Array | undefined;
  bo.channel.onContent('callInvite', ({ content }) => {
    if (content.body.case === 'callInvite') secret = content.body.value.callSecret;
  });
  await connect(ana, bo);
  await Promise.all([ana.hears('audio', 20), bo.hears('audio', 20), ana.hears('video'), bo.hears('video')]);

  const { callId } = ana.view!;
  assert.ok(relayed.length > 0 && secret);
  assert.ok(relayed.every(({ sealed }) => !Buffer.from(sealed).includes('fingerprint')));
  const ends = { callId, self: ana.self, peer: bo.self };
  const opener = new CallSealing({ ...ends, secret });
  const signals = relayed.map(({ sealed }) => decodeSignal(opener.open(sealed)));
  const answer = signals.find((signal) => signal?.type === 'description');
  assert.match(answer?.type === 'description' ? answer.description.sdp : '', /a=fingerprint:sha-256/);
  const stranger = new CallSealing({ ...ends, secret: new Uint8Array(32) });
  assert.throws(() => stranger.open(relayed[0]!.sealed), CallSealingError);

  await bo.calls.hangUp(callId);
  assert.equal((await ana.until('ended', ({ phase }) => phase === 'ended')).words, 'bo ended the call');
  assert.equal(ana.channel.recorded[0]?.outcome, 'completed');
  assert.equal(bo.channel.recorded[0]?.outcome, 'completed');
  const probe = ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', record];
  await ana.until('recorded', async () => (await stat(record)).size > 1_000);
  assert.deepEqual((await promisify(execFile)('ffprobe', probe)).stdout.split('\n').filter(Boolean).sort(), [
    'opus',
    'vp8',
  ]);
});

test('a call goes on without signaling, and knows of it again after', async () => {
  const [ana, bo] = await pair({ media });
  await connect(ana, bo);
  await services.stopSignaling();
  await Promise.all([ana.hears('audio', 20), bo.hears('audio', 20)]);
  await services.startSignaling();
  await bo.calls.setMicrophone(false);
  await ana.until('told that bo is muted', ({ others }) => others[0]?.microphoneOn === false);
  await ana.calls.hangUp(ana.view!.callId);
  await bo.until('ended', ({ phase }) => phase === 'ended');
});

test('declined, busy and cancelled calls end in words on both sides', async () => {
  const [ana, bo] = await pair({});
  await ana.calls.start([bo.self.accountId], { video: false });
  const { callId } = await bo.until('ringing', ({ phase }) => phase === 'ringing-in');
  await bo.calls.decline(callId);
  assert.equal((await ana.until('ended', ({ phase }) => phase === 'ended')).words, 'bo declined the call');
  assert.equal(ana.channel.recorded[0]?.outcome, 'declined');

  const second = await ana.calls.start([bo.self.accountId], { video: false });
  await bo.until('ringing', ({ phase, callId }) => phase === 'ringing-in' && callId === second.callId);
  await ana.calls.hangUp(second.callId);
  assert.equal((await bo.until('ended', ({ phase }) => phase === 'ended')).words, 'Missed call from ana');
  assert.equal(bo.channel.recorded.at(-1)?.outcome, 'missed');
});

test('[CALL-15] two who call each other at once talk in one call', async () => {
  const [ana, bo] = await pair({ media });
  await Promise.all([
    ana.calls.start([bo.self.accountId], { video: false }),
    bo.calls.start([ana.self.accountId], { video: false }),
  ]);
  const views = await Promise.all([ana, bo].map((device) => device.until('active', ({ phase }) => phase === 'active')));
  assert.equal(views[0]?.callId, views[1]?.callId);
  await Promise.all([ana.hears('audio'), bo.hears('audio')]);
});

test('a second call waits beside the first; a third hears that the line is busy', async () => {
  const contacts = await Promise.all(['ana', 'bo', 'cy', 'di'].map((name) => services.account(name)));
  const [ana, bo, cy, di] = contacts.map((self) => device(self, contacts, {})) as [Device, Device, Device, Device];
  await connect(ana, bo);
  await cy.calls.start([bo.self.accountId], { video: false });
  await bo.until('called by cy too', () => bo.calls.waiting !== undefined);
  await di.calls.start([bo.self.accountId], { video: false });
  assert.equal((await di.until('ended', ({ phase }) => phase === 'ended')).words, 'bo is in another call');

  await bo.calls.accept(bo.calls.waiting!.callId, { video: false });
  assert.equal((await ana.until('ended', ({ phase }) => phase === 'ended')).words, 'bo ended the call');
  await Promise.all([bo, cy].map((device) => device.until('active', ({ phase }) => phase === 'active')));
  assert.equal(bo.calls.current?.others[0]?.contact.name, 'cy');
  assert.deepEqual(
    bo.channel.recorded.map(({ with: other, outcome }) => [other, outcome]),
    [
      [di.self.accountId, 'missed'],
      [ana.self.accountId, 'completed'],
    ],
  );
});

test('[CALL-16] a device that calls anew has lost the call it was in', async () => {
  const [ana, bo] = await pair({});
  await connect(ana, bo);
  const before = ana.view!.callId;
  await ana.calls.close();
  const again = device(ana.self, [ana.self, bo.self], {});
  await again.calls.start([bo.self.accountId], { video: false });
  const ringing = await bo.until('ringing again', ({ phase, callId }) => phase === 'ringing-in' && callId !== before);
  await bo.calls.accept(ringing.callId, { video: false });
  await Promise.all([again, bo].map((device) => device.until('active', ({ phase }) => phase === 'active')));
});

test('a device that slept through the ring learns of the missed call', async () => {
  const [ana, bo] = await pair({});
  await bo.calls.close();
  const { callId } = await ana.calls.start([bo.self.accountId], { video: true });
  await ana.until('calling', ({ phase }) => phase === 'ringing-out');
  const awake = device(bo.self, [ana.self, bo.self], {});
  await ana.calls.hangUp(callId);
  await awake.eventually('told', () => awake.channel.recorded.length > 0);
  assert.deepEqual(
    awake.channel.recorded.map(({ outcome, outgoing, video }) => ({ outcome, outgoing, video })),
    [{ outcome: 'missed', outgoing: false, video: true }],
  );
});

test('group calls are refused in words', async () => {
  const [ana, bo] = await pair({});
  const other = await services.account('cy');
  await assert.rejects(ana.calls.start([bo.self.accountId, other.accountId], { video: false }), /Group calls/);
});

test('signing out in a call hangs up; closing the app does not', async () => {
  const [ana, bo] = await pair({ media });
  await connect(ana, bo);
  await bo.calls.close({ hangUp: true });
  assert.equal((await ana.until('ended', ({ phase }) => phase === 'ended')).words, 'bo ended the call');

  const [cy, di] = await pair({ media });
  await connect(cy, di);
  await di.calls.close();
  await pause(300);
  assert.notEqual(cy.view?.phase, 'ended');
});
