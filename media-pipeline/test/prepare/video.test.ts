import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '@carillon/protocol';
import sharp from 'sharp';
import { convert } from '../../src/prepare/ffmpeg.ts';
import { findProgram, PreparationError, prepareFile, prepareVideo, prepareVoiceNote } from '../../src/prepare/index.ts';
import { VIDEO_BYTES_MAX, videoBudget } from '../../src/prepare/videoBudget.ts';
import { waveformOf } from '../../src/prepare/waveform.ts';
import { temporaryFolder } from '../mediaUnderTest.ts';

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args]);
}

function ffprobe(file: string): { streams: Record<string, unknown>[]; format: { tags?: Record<string, string> } } {
  return JSON.parse(
    execFileSync('ffprobe', ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', file]).toString(),
  );
}

test('[BLOB-9] a video becomes H.264 and AAC, bounded, without metadata, ready to stream', async (t) => {
  const folder = await temporaryFolder(t);
  const source = path.join(folder, "it's a 'film' %d.mov");
  ffmpeg(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=1600x900:rate=50:duration=1', '-f', 'lavfi', '-i', 'sine=440:duration=1'],
    ...['-metadata', 'location=+51.5-000.1/', '-metadata', 'title=secret', '-preset', 'ultrafast', source],
  );
  const seen: number[] = [];
  const { bytes, info } = await prepareVideo(source, { progress: (done) => seen.push(done), caption: 'hello' });
  const output = path.join(folder, 'out.mp4');
  await writeFile(output, bytes);
  const { streams, format } = ffprobe(output);
  const video = streams.find((stream) => stream.codec_type === 'video')!;
  const audio = streams.find((stream) => stream.codec_type === 'audio')!;
  assert.deepEqual([video.codec_name, video.profile, video.pix_fmt], ['h264', 'Main', 'yuv420p']);
  assert.deepEqual([video.width, video.height, video.r_frame_rate], [1280, 720, '30/1']);
  assert.deepEqual([audio.codec_name, audio.channels], ['aac', 2]);
  assert.deepEqual([format.tags?.location, format.tags?.title], [undefined, undefined]);
  assert.ok(Buffer.from(bytes).indexOf('moov') < Buffer.from(bytes).indexOf('mdat'), 'starts before it is whole');
  assert.deepEqual([info.kind, info.mimeType, info.width, info.height], ['video', 'video/mp4', 1280, 720]);
  assert.deepEqual([info.fileName, info.caption, info.sizeBytes], ["it's a 'film' %d.mp4", 'hello', bytes.length]);
  assert.ok(Math.abs(info.durationMs - 1000) < 150, `${info.durationMs} ms`);
  assert.ok(info.thumbnail!.length <= LIMITS.thumbnailBytesMax);
  assert.equal((await sharp(info.thumbnail).metadata()).width, 320);
  assert.ok(seen.every((done) => done >= 0 && done <= 1) && seen.at(-1) === 1);
});

test('a turned video keeps its way up, a silent one is a video too, odd sizes fit the codec', async (t) => {
  const folder = await temporaryFolder(t);
  const [plain, turned] = [path.join(folder, 'plain.mp4'), path.join(folder, 'turned.mp4')];
  ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=322x178:rate=10:duration=0.5', '-preset', 'ultrafast', plain);
  ffmpeg('-i', plain, '-c', 'copy', '-metadata:s:v', 'rotate=90', turned);
  const { info } = await prepareVideo(turned);
  assert.deepEqual([info.width, info.height], [178, 322]);
});

test('a voice note becomes mono Opus with its waveform', async (t) => {
  const folder = await temporaryFolder(t);
  const source = path.join(folder, 'note.wav');
  // One second of silence, then one of full sound.
  ffmpeg('-f', 'lavfi', '-i', "aevalsrc='gt(t,1)*0.9*sin(2*PI*440*t)':d=2:s=48000", '-ac', '2', source);
  const { bytes, info } = await prepareVoiceNote(source);
  const output = path.join(folder, 'out.ogg');
  await writeFile(output, bytes);
  const [stream] = ffprobe(output).streams;
  assert.deepEqual([stream!.codec_name, stream!.channels], ['opus', 1]);
  assert.deepEqual([info.kind, info.mimeType, info.fileName], ['voice-note', 'audio/ogg; codecs=opus', 'note.ogg']);
  assert.ok(Math.abs(info.durationMs - 2000) < 60, `${info.durationMs} ms`);
  assert.ok(bytes.length < 2 * 6_000, `${bytes.length} bytes`);
  const waveform = [...info.waveform!];
  assert.equal(waveform.length, 64);
  assert.ok(
    waveform.slice(0, 30).every((peak) => peak < 20),
    `${waveform}`,
  );
  assert.ok(
    waveform.slice(34).every((peak) => peak > 150),
    `${waveform}`,
  );
});

test('what is no video or sound is refused in words, and nothing is left behind', async (t) => {
  const folder = await temporaryFolder(t);
  const temporary = path.join(folder, 'temporary');
  await mkdir(temporary);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = temporary;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  const write = async (name: string, bytes: Buffer | string) => {
    const file = path.join(folder, name);
    await writeFile(file, bytes);
    return file;
  };
  const good = path.join(folder, 'good.mp4');
  ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10:duration=1', good);
  const whole = await readFile(good);
  const wav = path.join(folder, 'sound.wav');
  ffmpeg('-f', 'lavfi', '-i', 'sine=duration=0.2', wav);
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${good}\n#EXT-X-ENDLIST\n`;
  const bad = [
    await write('noise.mp4', randomBytes(10_000)),
    await write('cut.mp4', whole.subarray(0, 600)),
    await write('empty.mp4', ''),
    await write('list.m3u8', playlist),
    await write('list.mp4', `ffconcat version 1.0\nfile ${good}\n`),
    path.join(folder, 'missing.mp4'),
    'http://127.0.0.1:1/x.mp4',
  ];
  for (const file of [...bad, wav]) await assert.rejects(prepareVideo(file), isPlain, file);
  for (const file of [...bad, good]) await assert.rejects(prepareVoiceNote(file), isPlain, file);
  assert.deepEqual(await readdir(temporary), []);
});

test('a conversion that takes too long is killed, and said so', async (t) => {
  const folder = await temporaryFolder(t);
  const source = path.join(folder, 'short.mp4');
  ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10:duration=0.5', source);
  const endless = convert({
    input: source,
    // Read at the speed it plays, over and over.
    inputOptions: ['-re', '-stream_loop', '-1'],
    outputOptions: ['-f', 'mp4'],
    output: path.join(folder, 'out.mp4'),
    timeoutMs: 1_000,
    durationMs: 0,
  });
  await assert.rejects(endless, /too long/);
});

test('without ffmpeg the words say what to install', async () => {
  await assert.rejects(findProgram('ffmpeg', { PATH: '/nowhere' }), /Install ffmpeg, or set FFMPEG_PATH/);
  await assert.rejects(findProgram('ffprobe', { FFPROBE_PATH: '/nowhere/x' }), /FFPROBE_PATH/);
  const found = await findProgram('ffmpeg');
  assert.equal(await findProgram('ffmpeg', { FFMPEG_PATH: found }), found);
});

test('the longer a video, the fewer bits it gets, and the whole stays in the budget', () => {
  for (const durationMs of [100, 60_000, 300_000, 1_200_000, 2_000_000]) {
    const budget = videoBudget(durationMs)!;
    assert.ok(((budget.videoBps + 96_000) / 8) * (durationMs / 1000) < VIDEO_BYTES_MAX, `${durationMs} ms`);
  }
  assert.ok(videoBudget(1_200_000)!.edgeMax < videoBudget(60_000)!.edgeMax);
  assert.equal(videoBudget(3_600_000), undefined);
});

test('a waveform of little or no sound is flat', () => {
  assert.deepEqual([...new Set(waveformOf(new Int16Array(0)))], [0]);
  assert.deepEqual([...new Set(waveformOf(new Int16Array(10_000)))], [0]);
  assert.equal(waveformOf(new Int16Array(64).fill(-32_768))[0], 255);
});

test('a file goes as it is', async (t) => {
  const file = path.join(await temporaryFolder(t), 'report.pdf');
  const bytes = randomBytes(1_000);
  await writeFile(file, bytes);
  const prepared = await prepareFile(file, { mimeType: 'application/pdf' });
  assert.deepEqual(Buffer.from(prepared.bytes), bytes);
  assert.equal(prepared.bytes.buffer.byteLength, 1_000, 'memory of its own');
  assert.deepEqual(
    [prepared.info.kind, prepared.info.mimeType, prepared.info.fileName],
    ['file', 'application/pdf', 'report.pdf'],
  );
  await assert.rejects(prepareFile(`${file}.missing`), isPlain);
});

function isPlain(error: unknown): boolean {
  assert.ok(error instanceof PreparationError, String(error));
  assert.doesNotMatch(error.message, /ENOENT|Command failed|exited|\//);
  return true;
}
