// Where ffmpeg and ffprobe are: FFMPEG_PATH and FFPROBE_PATH, else PATH.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { PreparationError } from './preparedMedia.ts';

export type Program = 'ffmpeg' | 'ffprobe';

/** @throws PreparationError that says what to install. */
export async function findProgram(
  program: Program,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const variable = `${program.toUpperCase()}_PATH`;
  const named = env[variable];
  if (named) {
    if (await isExecutable(named)) return named;
    throw new PreparationError(`${variable} names a program that cannot be run.`);
  }
  for (const folder of (env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const candidate = path.join(folder, process.platform === 'win32' ? `${program}.exe` : program);
    if (await isExecutable(candidate)) return candidate;
  }
  throw new PreparationError(
    `Videos and voice notes need ${program}, which is not installed. Install ffmpeg, or set ${variable}.`,
  );
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
