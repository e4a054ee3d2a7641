// One line per lifecycle transition. Never content, keys, tokens or full
// addresses of users: callers pass ids through `loggable`.

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** The first characters of an id: enough to follow one through a log, too few to use it. */
export function loggable(id: string): string {
  return `${id.slice(0, 6)}…`;
}

/** Writes lines to `out` (standard error by default); `json` for machines. */
export function createLog(service: string, options: { json?: boolean; out?: NodeJS.WritableStream } = {}): Log {
  const out = options.out ?? process.stderr;
  const write = (level: string, event: string, fields: LogFields = {}) => {
    const time = new Date().toISOString();
    if (options.json) {
      out.write(`${JSON.stringify({ time, level, service, event, ...fields })}\n`);
      return;
    }
    const rest = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${value}`)
      .join('');
    out.write(
      `${time.slice(11, 23)} ${level === 'info' ? '' : `${level.toUpperCase()} `}${service}: ${event}${rest}\n`,
    );
  };
  return {
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}

/** Swallows everything: for tests that provoke errors on purpose. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };
