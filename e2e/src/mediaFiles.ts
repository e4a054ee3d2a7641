// Media made here, so that tests know what they send.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ffmpeg = (args: readonly string[]) => run('ffmpeg', ['-loglevel', 'error', '-y', ...args]);

/** A JPEG of 1600 x 1200. */
export async function photo(dir: string): Promise<string> {
  const file = path.join(dir, 'photo.jpg');
  await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=size=1600x1200', '-frames:v', '1', '-q:v', '3', file]);
  return file;
}

/** A picture that people like better. */
export async function fractal(dir: string): Promise<string> {
  const file = path.join(dir, 'fractal.jpg');
  await ffmpeg([
    '-f',
    'lavfi',
    '-i',
    'mandelbrot=size=1600x1000:start_scale=0.6:start_x=-0.75',
    '-frames:v',
    '1',
    '-q:v',
    '3',
    file,
  ]);
  return file;
}

/** Two seconds of VP8 and Opus in WebM. */
export async function clip(dir: string): Promise<string> {
  const file = path.join(dir, 'clip.webm');
  await ffmpeg([
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=320x240:rate=15',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=440',
    '-t',
    '2',
    '-c:v',
    'libvpx',
    '-deadline',
    'realtime',
    '-c:a',
    'libopus',
    file,
  ]);
  return file;
}

/** For `npx carillon call --media`: H.264 and AAC in MP4, as phones make them. */
export async function film(dir: string, seconds: number): Promise<string> {
  const file = path.join(dir, 'film.mp4');
  await ffmpeg([
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=320x240:rate=15',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=440',
    '-t',
    String(seconds),
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-pix_fmt',
    'yuv420p',
    '-c:a',
    'aac',
    file,
  ]);
  return file;
}
