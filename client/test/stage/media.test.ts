import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { PATHS } from '@carillon/protocol';
import type { MediaSource } from '../../src/api.ts';
import type { Carillon } from '../../src/carillon.ts';
import { MediaTamperedError } from '../../src/media/errors.ts';
import type { Message, MessageBody } from '../../src/model.ts';
import { Stage, until } from './stage.ts';
import { find, goesOffline, idOf, messagesOf, reaches } from './watching.ts';

const ffmpeg = (...args: string[]) => promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args]);
const source = (kind: MediaSource['kind'], path: string, caption = ''): MediaSource => ({
  kind,
  data: path,
  fileName: '',
  mimeType: '',
  caption,
});

type MediaBody = Extract<MessageBody, { type: 'media' }>;

async function mediaFrom(device: Carillon, other: Carillon): Promise<Message & { body: MediaBody }> {
  const isMedia = (message: Message): message is Message & { body: MediaBody } => message.body.type === 'media';
  let found: (Message & { body: MediaBody }) | undefined;
  await until(device, 'message', async () => {
    found = (await messagesOf(device, other)).find(isMedia);
    return found !== undefined;
  });
  return found!;
}

describe('media between two devices', () => {
  const files = new Stage();
  const photo = join(files.dir, 'photo.png');
  const video = join(files.dir, 'video.mp4');
  const voice = join(files.dir, 'voice.wav');
  const file = join(files.dir, 'plan.bin');
  const plan = randomBytes(300_000);
  let stage: Stage;
  let ann: Carillon;
  let bob: Carillon;

  before(async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=640x480', '-frames:v', '1', photo);
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=320x240:d=1', '-f', 'lavfi', '-i', 'sine=d=1', '-shortest', video);
    await ffmpeg('-f', 'lavfi', '-i', 'sine=d=2', voice);
    writeFileSync(file, plan);
  });
  after(() => files.stop());
  beforeEach(async () => {
    stage = await new Stage().start();
    [ann, bob] = await Promise.all([stage.person('ann'), stage.person('bob')]);
    await ann.startConversation('bob');
  });
  afterEach(() => stage.stop());

  test('a photo: smaller, with a thumbnail, to someone who was offline', async () => {
    await bob.close();
    const stages: string[] = [];
    ann.on('progress', (progress) => stages.push(progress.stage));
    const sent = await ann.sendMedia(idOf(bob), source('photo', photo, 'Look!'));
    await reaches(ann, sent, 'sent');
    assert.deepEqual([...new Set(stages)], ['preparing', 'encrypting', 'transferring', 'done']);
    bob = await stage.device('bob');
    const got = await mediaFrom(bob, ann);
    const { media } = got.body;
    assert.deepEqual([media.kind, media.caption, media.width, media.height], ['photo', 'Look!', 640, 480]);
    assert.ok(media.thumbnail && media.thumbnail.length > 0 && media.thumbnail.length <= 16 * 1024);
    const opened = await bob.openMedia(got.id);
    const own = await ann.openMedia(sent.id);
    assert.deepEqual(opened.bytes, own.bytes);
    assert.equal(opened.bytes.length, media.sizeBytes);
    assert.equal(opened.mimeType, 'image/jpeg');
    await reaches(ann, sent, 'delivered');
    // Opened once, it is on the device.
    stage.interceptMedia = (_request, socket) => Boolean(socket.destroy());
    assert.deepEqual((await bob.openMedia(got.id)).bytes, opened.bytes);
  });

  test('a video, a voice note and a file', async () => {
    for (const [kind, path] of [
      ['video', video],
      ['voice-note', voice],
      ['file', file],
    ] as const) {
      const sent = await ann.sendMedia(idOf(bob), source(kind, path));
      await reaches(ann, sent, 'delivered');
      const got = await find(bob, { ...sent, conversation: idOf(ann) });
      assert.ok(got?.body.type === 'media');
      const { media } = got.body;
      assert.equal(media.kind, kind);
      const opened = await bob.openMedia(got.id);
      assert.equal(opened.bytes.length, media.sizeBytes);
      if (kind === 'video') assert.ok(media.durationMs > 900 && media.width === 320 && media.thumbnail);
      if (kind === 'voice-note') assert.ok(media.durationMs > 1_900 && media.waveform?.length === 64);
      if (kind === 'file') assert.deepEqual(Buffer.from(opened.bytes), plan);
    }
  });

  test('the server holds only what it cannot read', async () => {
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await reaches(ann, sent, 'delivered');
    const needle = plan.subarray(1_000, 1_032);
    const walk = (dir: string): string[] =>
      readdirSync(dir).flatMap((name) => {
        const path = join(dir, name);
        return statSync(path).isDirectory() ? walk(path) : [path];
      });
    const stored = ['media', 'messaging'].flatMap((folder) => walk(join(stage.dir, folder)));
    assert.ok(stored.some((path) => statSync(path).size > plan.length));
    for (const path of stored) assert.equal(readFileSync(path).includes(needle), false, path);
  });

  test('a truncated upload is resumed', async () => {
    let cuts = 0;
    const patches: string[] = [];
    stage.interceptMedia = (request) => {
      if (request.method !== 'PATCH') return false;
      patches.push(String(request.headers['upload-offset']));
      if (cuts++ > 0) return false;
      let bytes = 0;
      request.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > 100_000) request.socket.destroy();
      });
      return false;
    };
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await reaches(ann, sent, 'delivered');
    assert.equal(patches[0], '0');
    assert.ok(Number(patches[1]) > 0, `resumed at ${patches[1]}`);
    const got = await mediaFrom(bob, ann);
    assert.deepEqual(Buffer.from((await bob.openMedia(got.id)).bytes), plan);
  });

  test('an upload that was put off goes on where it was, and is not begun anew', async () => {
    const methods: string[] = [];
    stage.interceptMedia = (request, socket) => {
      if (!request.url?.startsWith(PATHS.media.uploads)) return false;
      methods.push(request.method ?? '');
      if (request.method !== 'PATCH' || methods.filter((method) => method === 'PATCH').length > 1) return false;
      const body = JSON.stringify({ error: { code: 'rate-limited', message: 'wait' } });
      socket.end(`HTTP/1.1 429 No\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      return true;
    };
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await reaches(ann, sent, 'delivered');
    assert.equal(methods.filter((method) => method === 'POST').length, 1, methods.join());
  });

  test('an upload goes on after the app was closed', async () => {
    stage.interceptMedia = (request, socket) => request.method === 'PATCH' && Boolean(socket.destroy());
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await until(ann, 'progress', () => true);
    await ann.close();
    stage.interceptMedia = undefined;
    ann = await stage.device('ann');
    await reaches(ann, sent, 'delivered');
  });

  test('a download that is cut goes on where it was', async () => {
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await reaches(ann, sent, 'delivered');
    const got = await mediaFrom(bob, ann);
    const ranges: (string | undefined)[] = [];
    stage.cutDownloadsAfter = 150_000;
    stage.interceptMedia = (request) => {
      if (request.method === 'GET') ranges.push(request.headers.range);
      return false;
    };
    assert.deepEqual(Buffer.from((await bob.openMedia(got.id)).bytes), plan);
    assert.equal(ranges[0], undefined);
    assert.match(ranges[1] ?? '', /^bytes=[1-9]\d*-$/);
  });

  test('a tampered blob is refused, in words', async () => {
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    await reaches(ann, sent, 'delivered');
    const got = await mediaFrom(bob, ann);
    stage.tamperDownloads = true;
    const notices: string[] = [];
    bob.on('notice', ({ code }) => notices.push(code));
    await assert.rejects(bob.openMedia(got.id), (error) => {
      assert.ok(error instanceof MediaTamperedError);
      assert.match(error.message, /changed on its way/);
      return true;
    });
    assert.deepEqual(notices, ['media-tampered']);
    stage.tamperDownloads = false;
    assert.equal((await bob.openMedia(got.id)).bytes.length, plan.length);
  });

  test('a file that cannot be prepared fails in words, and stays visible', async () => {
    await assert.rejects(ann.sendMedia(idOf(bob), source('photo', file)), /picture|photo/i);
    const failed = (await messagesOf(ann, bob)).at(-1);
    assert.equal(failed?.status, 'failed');
    assert.ok(failed?.failure);
    await assert.rejects(ann.retry(failed!.id), /choose it again/);
  });

  test('without the server it waits on the device', async () => {
    await stage.stopMessaging();
    await goesOffline(ann);
    const sent = await ann.sendMedia(idOf(bob), source('file', file));
    assert.equal(sent.status, 'sending');
    await stage.startMessaging();
    await reaches(ann, sent, 'delivered');
  });
});
