// `npm start`: puts in place what is missing, starts the five services and the
// front door, checks each, and says where the web app is.
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import {
  lanAddresses,
  qrCode,
  readTls,
  SERVICE_NAMES,
  type System,
  selfSignedCertificate,
  startSystem,
} from '@carillon/gateway';
import { createLog } from '@carillon/service';
import { ensureWorker } from '@carillon/sfu/worker';
import { commandLine } from './commandLine.ts';
import { ensureWebBuild, WEB_DIST } from './prerequisites/webBuild.ts';

const HELP = `npm start -- [options]

Starts the whole of Carillon on this machine: messaging-core, signaling, sfu,
turn and media-pipeline on embedded engines, behind one port.

  --port N          port of the web app and all services (default 8080; with --lan 8443)
  --lan             serve the local network over HTTPS, with a QR code for phones
  --address IP      with --lan: this machine's address on the network (default: found)
  --cert F --key F  PEM certificate and key to use instead of a self-signed one
  --data-dir DIR    where accounts, queues and blobs are kept (default .carillon)
  --turn-port N     UDP and TCP port of the STUN/TURN relay (default 3478)
  --turn-tls-port N with --cert and --key: TCP port on which the relay speaks TLS, for
                    networks that let nothing else through (default 5349; 443 where it is free)
  --sfu-port N      UDP and TCP port of group-call media (default 44300)
  --help            this text

Each service has more settings, as environment variables: node SERVICE/src/main.ts --help
Ctrl-C ends everything.`;

const { values } = commandLine(HELP, {
  options: {
    port: { type: 'string' },
    lan: { type: 'boolean', default: false },
    address: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    'data-dir': { type: 'string', default: process.env.CARILLON_DATA_DIR ?? '.carillon' },
    'turn-port': { type: 'string', default: '3478' },
    'turn-tls-port': { type: 'string', default: '5349' },
    'sfu-port': { type: 'string', default: '44300' },
  },
});

function portNumber(name: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--${name} takes a port number from 0 to 65535, not '${text}'`);
  return port;
}

async function main(): Promise<void> {
  const say = (words: string) => console.log(words);
  await ensureWorker({ log: say });
  await ensureWebBuild(say);

  const dataDir = path.resolve(values['data-dir']);
  const [found] = lanAddresses(networkInterfaces());
  const mediaAddress = values.lan ? (values.address ?? found) : '127.0.0.1';
  if (!mediaAddress) throw new Error('This machine has no address on a network. Name one with --address.');
  if (Boolean(values.cert) !== Boolean(values.key)) throw new Error('--cert and --key go together.');
  const own = values.cert && values.key ? readTls(values.cert, values.key) : undefined;
  const tls = own ?? (values.lan ? await selfSignedCertificate(dataDir, [mediaAddress], new Date()) : undefined);

  const began = performance.now();
  const system = await startSystem({
    dataDir,
    host: values.lan ? '0.0.0.0' : '127.0.0.1',
    port: portNumber('port', values.port ?? (values.lan ? '8443' : '8080')),
    ...(tls ? { tls } : {}),
    mediaAddress,
    turnPort: portNumber('turn-port', values['turn-port']),
    // Browsers let a user past a self-signed certificate on a page, never for a relay.
    turnTlsPort: own && portNumber('turn-tls-port', values['turn-tls-port']),
    sfuPort: portNumber('sfu-port', values['sfu-port']),
    webDir: WEB_DIST,
    log: createLog('carillon', { json: process.env.CARILLON_LOG === 'json' }),
  });
  endWithCtrlC(system);
  await reportHealth(system);
  say(`Ready in ${((performance.now() - began) / 1000).toFixed(1)} s.\n\n  Carillon: ${system.url}\n`);
  if (values.lan) {
    say(qrCode(system.url));
    if (!own)
      say(
        'The certificate is self-signed: the phone will warn once; go on to the page. (Or give your own: --cert, --key.)\n',
      );
  }
  say('Registration codes are printed here. Ctrl-C ends everything.');
}

async function reportHealth(system: System): Promise<void> {
  const replies = await system.health();
  for (const name of SERVICE_NAMES) {
    const { ok, problems } = replies[name];
    console.log(ok ? `  ✓ ${name}` : `  ✗ ${name}: ${problems.join('; ')}`);
  }
  if (SERVICE_NAMES.some((name) => !replies[name].ok)) console.log('Not everything is well: npm run doctor says more.');
}

/** Signals closer together than this are one. */
const SAME_SIGNAL_MS = 500;

function endWithCtrlC(system: System): void {
  let endingSinceMs: number | undefined;
  const end = () => {
    if (endingSinceMs !== undefined) {
      // A terminal and npm may each pass the same signal on.
      if (performance.now() - endingSinceMs < SAME_SIGNAL_MS) return;
      console.log('\nEnding at once.');
      process.exit(130);
    }
    endingSinceMs = performance.now();
    console.log('\nStopping… (Ctrl-C again ends at once)');
    system.stop().then(
      () => {
        console.log('Everything has ended.');
        process.exit(0);
      },
      (error: unknown) => {
        console.error(String(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
}

main().catch((error: NodeJS.ErrnoException) => {
  const inUse = error.code === 'EADDRINUSE' || /EADDRINUSE/.test(error.message);
  const hint = inUse
    ? '\nSomething else uses that port (another Carillon?). Choose one with --port, --turn-port or --sfu-port.'
    : '\nnpm run doctor says what is missing.';
  console.error(`Carillon could not start: ${error.message}${hint}`);
  process.exit(1);
});
