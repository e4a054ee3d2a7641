// What a peer connection of a real browser sends: codecs, and within which bounds.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { announceOpus } from '../../src/browser/calls/codecs.ts';
import { limitsOf } from '../../src/browser/calls/senders.ts';
import { newLadder, RUNGS, type Target, targetOf } from '../../src/calls/core/ladder.ts';
import { bundle, chromiumPath, eventually, launch } from './browser/pages.ts';
import type { SendingPage } from './browser/sendingPage.ts';

declare const page: SendingPage;

const skip = chromiumPath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM';

const target = (rung: number): Target =>
  targetOf({ ...newLadder(0), rung, why: rung === 0 ? undefined : 'narrow' }, true);
const AUDIO_ONLY = RUNGS.findIndex(({ videoKbpsMax }) => videoKbpsMax === 0);

test('[CALL-57] Opus is announced with FEC and DTX, whatever was there; other codecs stay as they are', () => {
  const lines = ['a=rtpmap:111 opus/48000/2', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111'];
  const sdp = (fmtp: string) => [...lines, `a=fmtp:111 ${fmtp}`, 'a=fmtp:96 x=1', ''].join('\r\n');
  const announced = sdp('minptime=10;useinbandfec=1;usedtx=1');
  assert.equal(announceOpus(sdp('minptime=10;useinbandfec=1')), announced);
  assert.equal(announceOpus(sdp('minptime=10;usedtx=0;useinbandfec=0')), announced);
  assert.equal(announceOpus(announced), announced);
  assert.equal(announceOpus(''), '');
});

test('[CALL-37] a budget is shared by the pictures that are on, the screen first', () => {
  const one = { camera: true, screen: false };
  const both = { camera: true, screen: true };
  assert.deepEqual(limitsOf(target(0), both).screen, { maxBitrateBps: 2_500_000, active: true });
  assert.deepEqual(limitsOf(target(2), one).camera, { maxBitrateBps: 400_000, active: true });
  const { camera, screen } = limitsOf(target(2), both);
  assert.deepEqual([camera.maxBitrateBps, screen.maxBitrateBps], [100_000, 300_000]);
  assert.equal(limitsOf(target(AUDIO_ONLY), both).screen.active, false);
  assert.equal(limitsOf(target(RUNGS.length - 1), one).microphone.maxBitrateBps, 8_000);
});

describe('in a browser', { skip }, () => {
  let browser: Browser;
  let tab: Page;

  before(async () => {
    const [script, opened] = await Promise.all([bundle('./sendingPage.ts'), launch()]);
    browser = opened;
    const context = await browser.newContext({ permissions: ['microphone', 'camera'] });
    tab = await context.newPage();
    await tab.route('**/*', (route) =>
      route.request().url().endsWith('/page.js')
        ? route.fulfill({ contentType: 'text/javascript', body: script })
        : route.fulfill({
            contentType: 'text/html',
            body: '<!doctype html><script type="module" src="/page.js"></script>',
          }),
    );
    await tab.goto('http://localhost/');
    await tab.evaluate(() => page.open());
    await eventually('sound', async () => (await tab.evaluate(() => page.rate('audio', 500))).packetsPerSecond > 30);
  });

  after(() => browser?.close());

  test('[CALL-57] RED is first where both have it, Opus inside with FEC and DTX', async () => {
    const [offer] = await tab.evaluate(() => page.offers());
    const audio = offer!.sdp.split('m=video')[0]!;
    const red = /a=rtpmap:(\d+) red\//.exec(audio)?.[1];
    assert.equal(/^m=audio \d+ \S+ (\d+)/m.exec(audio)?.[1], red);
    const stats = await tab.evaluate(() => page.stats());
    assert.ok(stats.some((entry) => entry.redundant === true));
    const fmtp = stats.map(({ mimeType, sdpFmtpLine }) => (mimeType === 'audio/opus' ? String(sdpFmtpLine) : ''));
    assert.ok(
      fmtp.some((line) => line.includes('usedtx=1') && line.includes('useinbandfec=1')),
      fmtp.join(),
    );
  });

  test('[CALL-37] the ladder is put on the senders: audio at its bitrate, pictures within theirs or not at all', async (t) => {
    const apply = (rung: number) => tab.evaluate((given) => page.limit(given), target(rung));
    const rates = async () => ({
      audio: (await tab.evaluate(() => page.rate('audio', 2_000))).kbps,
      video: (await tab.evaluate(() => page.rate('video', 1_000))).kbps,
    });
    const top = await rates();
    await apply(AUDIO_ONLY - 1);
    const some = await eventually('a smaller picture', async () => {
      const now = await rates();
      return now.video < 130 && now;
    });
    await apply(RUNGS.length - 1);
    const least = await eventually('sound alone', async () => {
      const now = await rates();
      return now.video === 0 && now.audio < 16 && now;
    });
    await apply(0);
    await eventually('the picture again', async () => (await rates()).video > 0);
    t.diagnostic(JSON.stringify({ top, some, least }));
    assert.ok(some.video > 0 && some.audio > least.audio);
    assert.equal((await tab.evaluate(() => page.offers())).length, 1, 'nothing was negotiated anew');
  });

  test('[CALL-57] in silence packets all but stop', async () => {
    await tab.evaluate(() => page.setMicrophone(false));
    // 400 ms between two is what a receiver is used to (RFC 6716, section 2.1.9): it is known that the sender lives.
    await eventually('silence', async () => {
      const { packetsPerSecond, kbps } = await tab.evaluate(() => page.rate('audio', 2_000));
      return packetsPerSecond > 0 && packetsPerSecond < 10 && kbps < 2;
    });
    await tab.evaluate(() => page.setMicrophone(true));
    await eventually('sound', async () => (await tab.evaluate(() => page.rate('audio', 500))).packetsPerSecond > 30);
  });
});
