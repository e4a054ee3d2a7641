// Videos: H.264 and AAC in an MP4 that plays everywhere and starts before it is
// whole, without metadata, within a size budget.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { convert } from './ffmpeg.ts';
import { checkInputFile, renamed } from './inputFile.ts';
import { ownBytes, PreparationError, type PreparedMedia, type PrepareOptions } from './preparedMedia.ts';
import { type Probed, probe } from './probe.ts';
import { withTemporaryFolder } from './temporaryFolder.ts';
import { makeThumbnail } from './thumbnail.ts';
import { AUDIO_BPS, type VideoBudget, videoBudget } from './videoBudget.ts';

/** A phone's 4K at 50 Mbit/s for ten minutes. */
const INPUT_BYTES_MAX = 4 * 1024 ** 3;
/** 8K; a frame of this size takes about 50 MB to decode. */
const INPUT_PIXELS_MAX = 7680 * 4320;
const FRAMES_PER_SECOND_MAX = 30;
/** Encoding may be slower than the video plays, on a small machine, by this much. */
const TIMEOUT_PER_DURATION = 6;
const TIMEOUT_MS_MIN = 60_000;
const TIMEOUT_MS_MAX = 60 * 60_000;

/** @throws PreparationError in words when it is no video, too long, or ffmpeg is missing. */
export async function prepareVideo(source: string, options: PrepareOptions = {}): Promise<PreparedMedia> {
  const progress = options.progress ?? (() => {});
  await checkInputFile(source, INPUT_BYTES_MAX);
  const input = await probe(source);
  if (!input.video || input.durationMs <= 0) throw new PreparationError('This is not a video.');
  if (input.video.width * input.video.height > INPUT_PIXELS_MAX) {
    throw new PreparationError('The picture of this video is too large.');
  }
  const budget = videoBudget(input.durationMs);
  if (!budget) throw new PreparationError('The video is too long to send; a part of it will do.');
  return withTemporaryFolder(async (folder) => {
    const output = path.join(folder, 'video.mp4');
    await encode(source, output, input, budget, (done) => progress(0.02 + done * 0.93));
    const prepared = await probe(output);
    const thumbnail = await frameOf(output, prepared.durationMs, folder);
    const bytes = ownBytes(await readFile(output));
    progress(1);
    return {
      bytes,
      info: {
        kind: 'video',
        sizeBytes: bytes.length,
        mimeType: 'video/mp4',
        fileName: renamed(options.fileName ?? path.basename(source), '.mp4'),
        caption: options.caption ?? '',
        width: prepared.video?.width ?? 0,
        height: prepared.video?.height ?? 0,
        durationMs: prepared.durationMs,
        thumbnail,
        waveform: undefined,
      },
    };
  });
}

function encode(
  input: string,
  output: string,
  { durationMs }: Probed,
  { edgeMax, videoBps }: VideoBudget,
  progress: (done: number) => void,
): Promise<void> {
  const scale =
    `scale=w='min(${edgeMax},iw)':h='min(${edgeMax},ih)'` +
    ':force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1';
  return convert({
    input,
    output,
    durationMs,
    progress,
    timeoutMs: Math.min(TIMEOUT_MS_MAX, Math.max(TIMEOUT_MS_MIN, durationMs * TIMEOUT_PER_DURATION)),
    outputOptions: [
      ...['-map', '0:v:0', '-map', '0:a:0?', '-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1'],
      // Main profile and 8-bit 4:2:0: every decoder in hardware takes it. A quality aim under a
      // ceiling: a still scene stays small, a wild one keeps to the budget.
      ...['-c:v', 'libx264', '-profile:v', 'main', '-pix_fmt', 'yuv420p', '-preset', 'veryfast', '-crf', '24'],
      ...['-maxrate', String(videoBps), '-bufsize', String(videoBps * 2), '-vf', scale],
      ...['-fpsmax', String(FRAMES_PER_SECOND_MAX)],
      ...['-c:a', 'aac', '-b:a', String(AUDIO_BPS), '-ac', '2', '-ar', '48000'],
      ...['-movflags', '+faststart', '-f', 'mp4'],
    ],
  });
}

/** A frame a little way in: the first one is often black. */
async function frameOf(video: string, durationMs: number, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const output = path.join(folder, 'frame.png');
  await convert({
    input: video,
    output,
    inputOptions: ['-ss', String(Math.min(1, durationMs / 3000))],
    outputOptions: ['-an', '-frames:v', '1', '-f', 'image2', '-update', '1'],
    timeoutMs: TIMEOUT_MS_MIN,
    durationMs: 0,
  });
  return makeThumbnail(sharp(output));
}
