// `npm run doctor`: what is present, missing or misconfigured, each with its mend.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { lanAddresses } from '@carillon/gateway';
import { locateWorker } from '@carillon/sfu/worker';
import {
  CHROMIUM,
  FFMPEG,
  findProgram,
  installLine,
  missingPrograms,
  NETWORKS,
  REDIS,
  type SystemProgram,
  versionOf,
} from './prerequisites/systemProgram.ts';

export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'note' | 'bad';
  readonly words: string;
  readonly mend?: string;
}

const root = path.resolve(import.meta.dirname, '..');
const HELP = `npm run doctor -- [--json] [--data-dir DIR]

Looks at this machine and says what Carillon has, misses or would stumble over.
Changes nothing. Exit code 1 when something needs mending.`;

function runtime(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= 24
    ? { what: 'runtime', state: 'ok', words: `Node ${process.versions.node}` }
    : {
        what: 'runtime',
        state: 'bad',
        words: `Node ${process.versions.node} is too old`,
        mend: 'npm start (installs Node 24 among its packages)',
      };
}

function packages(): Finding {
  const lock = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(lock)) return { what: 'packages', state: 'bad', words: 'not installed', mend: 'npm start' };
  const has = JSON.parse(readFileSync(lock, 'utf8')) as { packages: Record<string, { version?: string }> };
  const wants = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as typeof has & {
    packages: Record<string, { version?: string; optional?: boolean; link?: boolean }>;
  };
  const wrong = Object.entries(wants.packages).filter(
    ([name, wanted]) =>
      name.startsWith('node_modules/') &&
      !wanted.optional &&
      !wanted.link &&
      has.packages[name]?.version !== wanted.version,
  );
  return wrong.length === 0
    ? { what: 'packages', state: 'ok', words: `${Object.keys(has.packages).length} as the lockfile has them` }
    : { what: 'packages', state: 'bad', words: `${wrong.length} are not as the lockfile has them`, mend: 'npm start' };
}

function worker(): Finding {
  const found = locateWorker();
  return found
    ? { what: 'mediasoup worker', state: 'ok', words: `${found.path} (${found.way})` }
    : {
        what: 'mediasoup worker',
        state: 'bad',
        words: 'none that runs here: group calls will not work',
        mend: 'npm start (fetches or builds one), or set MEDIASOUP_WORKER_BIN',
      };
}

function program(what: string, wanted: SystemProgram, missing: 'note' | 'bad'): Finding {
  const gone = missingPrograms(wanted);
  if (gone.length > 0)
    return {
      what,
      state: missing,
      words: `${gone.join(', ')} not found (needed for ${wanted.purpose})`,
      mend: installLine(wanted),
    };
  const file = findProgram(wanted.programs[0]!)!;
  return { what, state: 'ok', words: versionOf(file, what === 'ffmpeg' ? '-version' : '--version') ?? file };
}

async function port(what: string, number: number, kind: 'tcp' | 'udp', option: string): Promise<Finding> {
  const taken = await (kind === 'tcp' ? tcpError(number) : udpError(number));
  return taken === undefined
    ? { what, state: 'ok', words: `${kind} ${number} is free` }
    : {
        what,
        state: 'note',
        words:
          taken === 'EADDRINUSE'
            ? `${kind} ${number} is in use (Carillon already running?)`
            : `${kind} ${number}: ${taken}`,
        mend: `npm start -- ${option} N`,
      };
}

function tcpError(number: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(number, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}

function udpError(number: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind(number, '127.0.0.1', () => socket.close(() => resolve(undefined)));
  });
}

/** Below this, uploads are soon refused. */
const FREE_BYTES_MIN = 1024 ** 3;

function dataDir(dir: string): Finding {
  const mend = 'choose another folder: npm start -- --data-dir DIR';
  try {
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return {
      what: 'data folder',
      state: 'bad',
      words: `${dir} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      mend,
    };
  }
  const stats = statfsSync(dir);
  const free = stats.bavail * stats.bsize;
  const words = `${dir}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return free < FREE_BYTES_MIN
    ? { what: 'data folder', state: 'note', words, mend: `make room, or ${mend}` }
    : { what: 'data folder', state: 'ok', words };
}

/** Signed tokens and ring times depend on it; certificates too. */
function clock(): Finding {
  const built = Date.parse('2026-11-01T00:00:00Z');
  if (Date.now() < built) {
    return {
      what: 'clock',
      state: 'bad',
      words: `says ${new Date().toISOString()}, before this program was written`,
      mend: 'set the clock: sudo timedatectl set-ntp true',
    };
  }
  const synced = spawnSync('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 3_000,
  });
  if (synced.status === 0 && synced.stdout.trim() === 'no') {
    return {
      what: 'clock',
      state: 'note',
      words: 'is not synchronised with a time server',
      mend: 'sudo timedatectl set-ntp true',
    };
  }
  return { what: 'clock', state: 'ok', words: new Date().toISOString() };
}

function network(): Finding {
  const [address] = lanAddresses();
  return address
    ? { what: 'local network', state: 'ok', words: `this machine is ${address} (npm start -- --lan)` }
    : {
        what: 'local network',
        state: 'note',
        words: 'no address: calls on this machine only',
        mend: 'connect a network, or name an address: npm start -- --lan --address IP',
      };
}

async function examine(dir: string): Promise<Finding[]> {
  return [
    runtime(),
    packages(),
    worker(),
    program('ffmpeg', FFMPEG, 'note'),
    program('chromium', CHROMIUM, 'note'),
    program('redis', REDIS, 'note'),
    program('nftables', NETWORKS, 'note'),
    await port('web port', 8080, 'tcp', '--port'),
    await port('relay port', 3478, 'udp', '--turn-port'),
    await port('group-call port', 44300, 'udp', '--sfu-port'),
    dataDir(dir),
    clock(),
    network(),
  ];
}

const argv = process.argv.slice(2);
if (argv.includes('--help') || argv.includes('-h')) {
  console.log(HELP);
} else {
  const at = argv.indexOf('--data-dir');
  const findings = await examine(
    path.resolve((at >= 0 ? argv[at + 1] : undefined) ?? process.env.CARILLON_DATA_DIR ?? '.carillon'),
  );
  if (argv.includes('--json')) {
    console.log(JSON.stringify(findings, null, 2));
  } else {
    const sign = { ok: '✓', note: '!', bad: '✗' };
    for (const finding of findings) {
      console.log(`${sign[finding.state]} ${finding.what}: ${finding.words}`);
      if (finding.mend && finding.state !== 'ok')
        console.log(`    mend: ${finding.mend.replaceAll('\n', '\n          ')}`);
    }
  }
  process.exitCode = findings.some((finding) => finding.state === 'bad') ? 1 : 0;
}
