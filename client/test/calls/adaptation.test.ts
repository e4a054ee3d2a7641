// A call between two real browsers whose link falls and comes back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { freePort } from '@carillon/service/testing';
import type { Browser } from 'playwright-core';
import type { CallPage } from './browser/page.ts';
import { chromiumPath, eventually, launch, Person, pageFiles } from './browser/pages.ts';
import { UdpLink } from './browser/udpLink.ts';
import { CallServices } from './callServices.ts';

declare const page: CallPage;

const skip = chromiumPath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM';
/** Sound fits, with its headers; the least picture does not. */
const NARROW_KBPS = 110;
/** Congestion control looks for its first estimate, and the picture grows. */
const SETTLE_MS = 8_000;

let services: CallServices;
let browser: Browser;
const link = new UdpLink();
let metricsPort: number;

before(async () => {
  if (skip) return;
  metricsPort = await freePort();
  const env = { CARILLON_SIGNALING_METRICS_PORT: String(metricsPort) };
  services = await CallServices.start({ files: await pageFiles(), env });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await services?.close();
  await link.close();
});

/** Whatever this page hears of the other's candidates leads over the link. */
async function overLink(person: Person, other: string): Promise<void> {
  await person.page.exposeFunction('viaLink', (line: string) => link.candidate(other, line));
  await person.page.addInitScript(() => {
    const { viaLink } = window as unknown as { viaLink(line: string): Promise<string | undefined> };
    const original: {
      addIceCandidate(this: RTCPeerConnection, candidate: RTCIceCandidateInit): Promise<void>;
      setRemoteDescription(this: RTCPeerConnection, description: RTCSessionDescriptionInit): Promise<void>;
    } = {
      addIceCandidate: RTCPeerConnection.prototype.addIceCandidate,
      setRemoteDescription: RTCPeerConnection.prototype.setRemoteDescription,
    };
    RTCPeerConnection.prototype.addIceCandidate = async function (candidate?: RTCIceCandidateInit | null) {
      const line = candidate?.candidate && (await viaLink(candidate.candidate));
      if (line) await original.addIceCandidate.call(this, { ...candidate, candidate: line });
    };
    RTCPeerConnection.prototype.setRemoteDescription = async function (description: RTCSessionDescriptionInit) {
      const lines = (description.sdp ?? '').split('\r\n');
      const led = lines.map(async (each) =>
        each.startsWith('a=candidate:') ? ((await viaLink(each.slice(2))) ?? '').replace(/^/, 'a=') : each,
      );
      const sdp = (await Promise.all(led)).filter((each) => each !== 'a=').join('\r\n');
      await original.setRemoteDescription.call(this, { ...description, sdp });
    };
  });
  await person.load();
}

const inboundAudio = async (person: Person) => {
  const entries = await person.page.evaluate(() => page.stats());
  const audio = entries.find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'audio');
  return audio as Record<string, number> | undefined;
};

test('[CALL-37] [CALL-58] [CALL-59] a link that falls leaves sound alone, with words at both ends, and back; each says how good it was', {
  skip,
}, async (t) => {
  const contacts = await Promise.all(['ana', 'bo'].map((name) => services.account(name)));
  const [ana, bo] = await Promise.all(contacts.map((self) => Person.open(browser, services, { self, contacts })));
  assert.ok(ana && bo);
  await Promise.all([overLink(ana, 'bo'), overLink(bo, 'ana')]);
  await ana.page.evaluate((to) => page.start([to], true), bo.self.accountId);
  await bo.sees('an incoming call', ({ phase }) => phase === 'ringing-in');
  await bo.page.evaluate(() => page.accept(true));
  await Promise.all([ana.watches(1), bo.watches(1)]);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  // A processor that is busy looks like a narrow link; that passes.
  await ana.sees('pictures both ways', ({ linkWords }) => linkWords === undefined);

  const fellAtMs = performance.now();
  link.rateKbps = NARROW_KBPS;
  const paused = await ana.sees('the picture paused', ({ linkWords }) => linkWords?.includes('is paused') === true);
  t.diagnostic(`paused after ${Math.round(performance.now() - fellAtMs)} ms: ${paused.linkWords}`);
  await bo.sees('the words of it', ({ linkWords }) => linkWords?.includes('The connection of ana') === true);
  assert.equal((await bo.seen())?.others[0]?.cameraOn, false);
  // Sound goes on: what was lost in the fall is over.
  await eventually('whole sound', async () => {
    const before = await inboundAudio(bo);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const heard = await inboundAudio(bo);
    const received = heard!.packetsReceived! - before!.packetsReceived!;
    return received > 15 && heard!.packetsLost! - before!.packetsLost! < received * 0.05;
  });

  const backAtMs = performance.now();
  link.rateKbps = Number.POSITIVE_INFINITY;
  const seesItBack = (person: Person) =>
    eventually(
      'the picture back',
      async () => {
        const seen = await person.seen();
        return seen?.others[0]?.cameraOn === true && seen.linkWords?.includes('is paused') !== true;
      },
      90_000,
    );
  await Promise.all([seesItBack(ana), seesItBack(bo)]);
  t.diagnostic(`back after ${Math.round(performance.now() - backAtMs)} ms`);
  await Promise.all([ana.watches(1), bo.watches(1)]);
  await ana.page.evaluate(() => page.call('hangUp', page.seen()!.callId));
  await bo.sees('the end', ({ phase }) => phase === 'ended');

  const metrics = await eventually('both reports', async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return /^carillon_call_mos_count\{path="direct"\} 2$/m.test(text) && text;
  });
  assert.match(metrics, /^carillon_call_audio_only_seconds_total [1-9]/m);
});
