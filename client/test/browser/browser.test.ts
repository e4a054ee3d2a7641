// The browser half in a real browser: IndexedDB, canvas, the lock between tabs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import type { CarillonApi } from '../../src/api.ts';
import type * as Sdk from '../../src/browser/index.ts';
import type { Carillon } from '../../src/carillon.ts';
import type { MediaKind } from '../../src/model.ts';
import { codeOf, Stage } from '../stage/stage.ts';
import { idOf, messagesOf, reaches, shows } from '../stage/watching.ts';

declare global {
  interface Window {
    sdk: typeof Sdk;
    carillon?: CarillonApi;
  }
}

const ENTRY = fileURLToPath(new URL('../../src/browser/index.ts', import.meta.url));
const ffmpeg = (...args: string[]) => promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args]);

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, minify: false, lib: { entry: ENTRY, formats: ['es'], fileName: 'sdk' } },
  });
  const [output] = Array.isArray(built) ? built : [built];
  assert.ok(output && 'output' in output);
  return output.output[0].code;
}

describe('the browser half', () => {
  let stage: Stage;
  let browser: Browser;
  let bob: Carillon;
  let page: Page;

  before(async () => {
    stage = await new Stage().start();
    stage.pages.set('/', { type: 'text/html', body: '<!doctype html><title>Carillon</title>' });
    stage.pages.set('/sdk.js', { type: 'text/javascript', body: await bundle() });
    const make = async (name: string, ...args: string[]) => {
      await ffmpeg(...args, join(stage.dir, name));
      stage.pages.set(`/${name}`, { type: 'application/octet-stream', body: readFileSync(join(stage.dir, name)) });
    };
    await make('photo.png', '-f', 'lavfi', '-i', 'testsrc2=s=3000x1500', '-frames:v', '1');
    await make('video.webm', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:d=2', '-c:v', 'libvpx');
    await make('voice.webm', '-f', 'lavfi', '-i', 'sine=d=2', '-c:a', 'libopus');
    browser = await chromium.launch({
      executablePath: process.env.CARILLON_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--autoplay-policy=no-user-gesture-required'],
    });
    page = await open(await (await browser.newContext()).newPage());
    bob = await stage.person('bob');
  });
  after(async () => {
    await browser?.close();
    await stage.stop();
  });

  async function open(fresh: Page): Promise<Page> {
    await fresh.goto(`${stage.baseUrl}/`);
    await fresh.evaluate(async () => {
      window.sdk = (await import(`${location.origin}/sdk.js`)) as typeof Sdk;
      window.carillon = await window.sdk.openCarillon();
    });
    return fresh;
  }

  const send = (kind: MediaKind, path: string, mimeType: string) =>
    page.evaluate(
      async ({ kind, path, mimeType, to }) => {
        const data = new Blob([await (await fetch(path)).arrayBuffer()], { type: mimeType });
        const message = await window.carillon!.sendMedia(to, { kind, data, fileName: path.slice(1), mimeType });
        return message.id;
      },
      { kind, path, mimeType, to: idOf(bob) },
    );

  async function received(kind: MediaKind) {
    for (;;) {
      const other = (await bob.contactByHandle('ann'))!;
      const all = await bob.messages(other.accountId, { limit: 100 });
      const found = all.find(({ body }) => body.type === 'media' && body.media.kind === kind);
      if (found?.body.type === 'media') return { media: found.body.media, opened: await bob.openMedia(found.id) };
      await new Promise<void>((resolve) => {
        const stop = bob.on('message', () => {
          stop();
          resolve();
        });
      });
    }
  }

  test('signs up, writes, and has everything after a reload', async () => {
    const id = await page.evaluate(async () => (await window.carillon!.beginRegistration('ann')).registrationId);
    await page.evaluate(([id, code]) => window.carillon!.finishRegistration(id, code, 'Ann'), [
      id,
      codeOf('ann'),
    ] as const);
    await page.evaluate(async () => {
      const { with: contact } = await window.carillon!.startConversation('bob');
      await window.carillon!.sendText(contact.accountId, 'Hello from a browser');
    });
    const ann = { account: { accountId: (await bob.contactByHandle('ann'))!.accountId } } as Carillon;
    await shows(bob, ann, 'Hello from a browser');
    await page.reload();
    await open(page);
    const answer = await bob.sendText(idOf(ann), 'Hello from Node');
    await reaches(bob, answer, 'delivered');
    const texts = await page.evaluate(async () => {
      const [conversation] = await window.carillon!.conversations();
      const messages = await window.carillon!.messages(conversation!.id);
      return messages.map(({ body }) => (body.type === 'text' ? body.text : body.type));
    });
    assert.deepEqual(texts, ['Hello from a browser', 'Hello from Node']);
    assert.equal((await messagesOf(bob, ann)).length, 2);
  });

  test('a photo is made smaller, a video and a voice note get what is shown of them', async () => {
    await send('photo', '/photo.png', 'image/png');
    const photo = await received('photo');
    assert.deepEqual([photo.media.width, photo.media.height], [2048, 1024]);
    assert.deepEqual([...photo.opened.bytes.subarray(0, 2)], [0xff, 0xd8]);
    assert.ok(photo.media.thumbnail && photo.media.thumbnail.length <= 16 * 1024);
    await send('video', '/video.webm', 'video/webm');
    const video = await received('video');
    assert.deepEqual([video.media.width, video.media.height, video.media.mimeType], [320, 240, 'video/webm']);
    assert.ok(video.media.thumbnail && Math.abs(video.media.durationMs - 2_000) < 200, `${video.media.durationMs} ms`);
    await send('voice-note', '/voice.webm', 'audio/webm');
    const voice = await received('voice-note');
    assert.ok(voice.media.waveform?.length === 64 && Math.abs(voice.media.durationMs - 2_000) < 200);
  });

  test('a picture that is none is refused in words', async () => {
    await assert.rejects(send('photo', '/voice.webm', 'image/png'), /cannot read that picture/);
  });

  test('a second tab is told so, and gets in when the first has closed', async () => {
    const second = await page.context().newPage();
    await assert.rejects(open(second), /open in another tab/);
    await page.evaluate(() => window.carillon!.close());
    await open(second);
    assert.equal(await second.evaluate(() => window.carillon!.account?.handle), 'ann');
  });
});
