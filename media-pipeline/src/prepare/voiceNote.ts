// Voice notes: Opus in Ogg (RFC 7845), mono, at a bitrate made for speech (a minute
// is about 200 KB), with the waveform to show.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { convert } from './ffmpeg.ts';
import { checkInputFile, renamed } from './inputFile.ts';
import { ownBytes, PreparationError, type PreparedMedia, type PrepareOptions } from './preparedMedia.ts';
import { probe } from './probe.ts';
import { withTemporaryFolder } from './temporaryFolder.ts';
import { waveformOf } from './waveform.ts';

const INPUT_BYTES_MAX = 1024 ** 3;
const BITRATE_BPS = 28_000;
/** At 8 kHz an hour decodes to 58 MB, which the waveform is computed from. */
const DURATION_MS_MAX = 60 * 60_000;
const WAVEFORM_HZ = 8_000;
const TIMEOUT_MS = 10 * 60_000;

/** @throws PreparationError in words when there is no sound in it, or ffmpeg is missing. */
export async function prepareVoiceNote(source: string, options: PrepareOptions = {}): Promise<PreparedMedia> {
  const progress = options.progress ?? (() => {});
  await checkInputFile(source, INPUT_BYTES_MAX);
  const input = await probe(source);
  if (!input.hasAudio) throw new PreparationError('There is no sound in this file.');
  if (input.durationMs > DURATION_MS_MAX) throw new PreparationError('A voice note may last an hour at most.');
  return withTemporaryFolder(async (folder) => {
    const note = path.join(folder, 'note.ogg');
    const sound = ['-map', '0:a:0', '-vn', '-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1', '-ac', '1'];
    await convert({
      input: source,
      output: note,
      outputOptions: [
        ...sound,
        ...['-t', String(DURATION_MS_MAX / 1000), '-ar', '48000'],
        ...['-c:a', 'libopus', '-b:a', String(BITRATE_BPS), '-application', 'voip', '-f', 'ogg'],
      ],
      timeoutMs: TIMEOUT_MS,
      durationMs: input.durationMs,
      progress: (done) => progress(done * 0.8),
    });
    const pcm = path.join(folder, 'note.pcm');
    await convert({
      input: note,
      output: pcm,
      outputOptions: [...sound, '-ar', String(WAVEFORM_HZ), '-f', 's16le'],
      timeoutMs: TIMEOUT_MS,
      durationMs: 0,
    });
    const samples = ownBytes(await readFile(pcm));
    const waveform = waveformOf(new Int16Array(samples.buffer, 0, samples.length >> 1));
    const bytes = ownBytes(await readFile(note));
    progress(1);
    return {
      bytes,
      info: {
        kind: 'voice-note',
        sizeBytes: bytes.length,
        mimeType: 'audio/ogg; codecs=opus',
        fileName: renamed(options.fileName ?? path.basename(source), '.ogg'),
        caption: options.caption ?? '',
        width: 0,
        height: 0,
        durationMs: Math.round((samples.length / 2 / WAVEFORM_HZ) * 1000),
        thumbnail: undefined,
        waveform,
      },
    };
  });
}
