// A script's options: what is wrong with them is said in plain words, and --help is the same everywhere.
import { type ParseArgsConfig, parseArgs } from 'node:util';

const HELP_OPTION = { type: 'boolean', short: 'h' } as const;
/** What shells and most programs take for "called the wrong way". */
const MISUSED = 2;

/** The options and paths that were given; ends the process after --help, or when something is wrong with them. */
export function commandLine<const Config extends ParseArgsConfig>(
  help: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    const asked = { ...config, options: { ...config.options, help: HELP_OPTION } };
    const { values } = parseArgs<ParseArgsConfig>(asked);
    if (values.help === true) {
      console.log(help);
      process.exit(0);
    }
    return parseArgs<Config>(config);
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
      throw error;
    console.error(`${error.message.split('. To specify')[0]}\nWhat there is: --help`);
    process.exit(MISUSED);
  }
}
