// The one place that knows fluent-ffmpeg, which is archived upstream: only its
// command building and process handling are used, not its guesses about formats
// and progress, so that replacing it means replacing this file.
import ffmpeg from 'fluent-ffmpeg';
import { PreparationError } from './preparedMedia.ts';
import { INPUT_OPTIONS, inputName } from './probe.ts';
import { findProgram } from './programs.ts';

export interface Conversion {
  readonly input: string;
  /** Before the input: seeking. */
  readonly inputOptions?: readonly string[];
  readonly outputOptions: readonly string[];
  readonly output: string;
  /** A process that takes longer is killed. */
  readonly timeoutMs: number;
  /** Of what is converted; makes progress known. */
  readonly durationMs: number;
  readonly progress?: ((done: number) => void) | undefined;
}

const TIME = /\btime=(\d+):(\d{2}):(\d{2}(?:\.\d+)?)/;

/** @throws PreparationError when ffmpeg is missing, cannot read the input, or takes too long. */
export async function convert(conversion: Conversion): Promise<void> {
  const program = await findProgram('ffmpeg');
  const { durationMs, progress } = conversion;
  await new Promise<void>((resolve, reject) => {
    const command = ffmpeg({ timeout: Math.ceil(conversion.timeoutMs / 1000), stdoutLines: 20 })
      .setFfmpegPath(program)
      .input(inputName(conversion.input))
      .inputOptions([...INPUT_OPTIONS, ...(conversion.inputOptions ?? [])])
      .outputOptions([...conversion.outputOptions])
      .output(conversion.output);
    command.on('stderr', (line: string) => {
      const match = TIME.exec(line);
      if (!match || durationMs <= 0) return;
      const doneMs = (Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3])) * 1000;
      progress?.(Math.min(1, doneMs / durationMs));
    });
    command.on('end', () => resolve());
    command.on('error', (cause: Error) => {
      const words = /timeout/i.test(cause.message)
        ? 'Preparing this took too long; a shorter one will do.'
        : 'This video or sound cannot be read; it may be damaged.';
      reject(new PreparationError(words, { cause }));
    });
    command.run();
  });
}
