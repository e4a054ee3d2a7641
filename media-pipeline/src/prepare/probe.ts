// What is in a media file, asked of ffprobe.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { PreparationError } from './preparedMedia.ts';
import { findProgram } from './programs.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;

/**
 * Containers that hold media themselves. A playlist is no media but a list of
 * names: with it, a file from a stranger could have others of this machine sent.
 */
const DEMUXERS =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpeg,mpegts,ogg,wav,w64,mp3,aac,flac,amr,aiff,caf,ac3,rm,ivf,h264,mjpeg,gif';

export const INPUT_OPTIONS: readonly string[] = ['-protocol_whitelist', 'file', '-format_whitelist', DEMUXERS];

/** A name that ffmpeg takes for a file whatever characters it has. */
export function inputName(file: string): string {
  return `file:${path.resolve(file)}`;
}

export interface Probed {
  readonly durationMs: number;
  /** As shown, after rotation; undefined without a video stream. */
  readonly video: { readonly width: number; readonly height: number } | undefined;
  readonly hasAudio: boolean;
}

const outputSchema = z.object({
  streams: z.array(
    z.object({
      codec_type: z.string().optional(),
      width: z.number().optional(),
      height: z.number().optional(),
      duration: z.coerce.number().optional(),
      disposition: z.object({ attached_pic: z.number().optional() }).optional(),
    }),
  ),
  format: z.object({ duration: z.coerce.number().optional() }),
});

/** @throws PreparationError when it is not media. */
export async function probe(file: string): Promise<Probed> {
  const program = await findProgram('ffprobe');
  const args = ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', ...INPUT_OPTIONS, '-i', inputName(file)];
  let parsed: z.infer<typeof outputSchema>;
  try {
    const { stdout } = await run(program, args, {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    parsed = outputSchema.parse(JSON.parse(stdout));
  } catch (cause) {
    throw new PreparationError('This is not a video or sound, or it is damaged.', { cause });
  }
  const { streams, format } = parsed;
  // A song's cover is a video stream to ffmpeg.
  const video = streams.find((stream) => stream.codec_type === 'video' && stream.disposition?.attached_pic !== 1);
  const seconds = Math.max(format.duration ?? 0, ...streams.map((stream) => stream.duration ?? 0));
  return {
    durationMs: Math.round(seconds * 1000),
    video: video && { width: video.width ?? 0, height: video.height ?? 0 },
    hasAudio: streams.some((stream) => stream.codec_type === 'audio'),
  };
}
