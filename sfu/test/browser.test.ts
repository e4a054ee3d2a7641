// The whole sfu with real browsers: ICE, DTLS, SRTP, simulcast and congestion
// control, as no other test of this folder has them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATHS } from '@carillon/protocol';
import { type Browser, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { type SfuStats, STATS_PATH, type TappedPayload } from '../src/index.ts';
import type { JoinOptions, Received, RoomPage } from './browser/page.ts';
import { noWorker, type RunningSfu, randomId, startSfu } from './runningSfu.ts';

declare const room: RoomPage;

const executablePath =
  process.env.CARILLON_CHROMIUM ?? ['/usr/lib/chromium/chromium', '/usr/bin/chromium'].find((path) => existsSync(path));
const skip = noWorker || (executablePath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM');
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
];
/** Generous: other work may share the processor. */
const DEADLINE_MS = 40_000;

let sfu: RunningSfu;
let browser: Browser;
let web: Server;
let pages: Page[];
const tapped: TappedPayload[] = [];
const roomId = randomId();

before(async () => {
  if (skip) return;
  sfu = await startSfu({}, { tap: (payload) => tapped.length < 1_000 && tapped.push(payload) });
  const script = await bundledPage();
  web = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><body></body><script src="/page.js"></script>');
  }).listen(0, '127.0.0.1');
  await once(web, 'listening');
  browser = await chromium.launch({ executablePath: executablePath!, args: FLAGS });
  pages = await Promise.all([browser.newPage(), browser.newPage()]);
  await Promise.all(pages.map((page) => page.goto(`http://127.0.0.1:${(web.address() as AddressInfo).port}/`)));
});

after(async () => {
  await browser?.close();
  await sfu?.close();
  web?.close();
});

async function bundledPage(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('./browser/page.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'iife' });
  await bundle.close();
  return output[0].code;
}

async function joinAs(index: number, choice: Pick<JoinOptions, 'only' | 'isSpeaking'> = {}): Promise<void> {
  const options: JoinOptions = {
    ...choice,
    url: `${sfu.service.url.replace('http', 'ws')}${PATHS.sfu.socket}`,
    ticket: await sfu.ticket({ room: roomId, num: index + 1 }),
  };
  await pages[index]!.evaluate((given) => room.join(given), options);
}

async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) assert.fail(`${what} did not happen within ${DEADLINE_MS} ms`);
    await pause(100);
  }
}

/** Once the page decodes video and hears audio. */
function receiving(index: number, isEnough: (video: Received) => boolean = () => true): Promise<Received[]> {
  return eventually(`page ${index} receives`, async () => {
    const received = await pages[index]!.evaluate(() => room.received());
    const video = received.find(({ kind }) => kind === 'video');
    const audio = received.find(({ kind }) => kind === 'audio');
    return video && audio && video.frames > 15 && audio.energy > 0 && isEnough(video) && received;
  });
}

test('[SFU-9] two browsers hear and see each other, by UDP and by TCP', { skip }, async () => {
  await joinAs(0, { only: 'udp' });
  await joinAs(1, { only: 'tcp', isSpeaking: true });
  const [first, second] = await Promise.all([receiving(0), receiving(1)]);
  assert.ok(first.every(({ protocol }) => protocol === 'udp'));
  assert.ok(second.every(({ protocol }) => protocol === 'tcp'));
  for (const source of ['microphone', 'camera'] as const) {
    assert.ok(
      tapped.some((each) => each.source === source && each.payload.length > 0),
      `tapped ${source}`,
    );
  }
  for (const page of pages) {
    await eventually('the active speaker', async () => (await page.evaluate(() => room.speaker())) === 2);
  }
});

test('[SFU-10] the receiver chooses the simulcast layer', { skip }, async () => {
  for (const [layer, width] of [
    [0, 320],
    [1, 640],
    [0, 320],
  ] as const) {
    await pages[0]!.evaluate((spatial) => room.setLayers(spatial), layer);
    await receiving(0, (video) => video.width === width);
    assert.equal((await pages[0]!.evaluate(() => room.layers())).at(-1), layer);
  }
});

test('[SFU-11] a dead worker ends its sockets with sfu-unavailable, and its members can come back', {
  skip,
}, async () => {
  const { workers } = (await (await fetch(`${sfu.service.url}${STATS_PATH}`)).json()) as SfuStats;
  process.kill(workers[0]!.pid, 'SIGKILL');
  for (const page of pages) {
    assert.equal(await eventually('the close', () => page.evaluate(() => room.closed())), '4503 sfu-unavailable');
  }
  await eventually('a new worker', async () => (await fetch(`${sfu.service.url}${PATHS.sfu.health}`)).ok);
  await joinAs(0);
  await joinAs(1);
  await Promise.all([receiving(0), receiving(1)]);
});
