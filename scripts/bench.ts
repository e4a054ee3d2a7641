// `npm run bench`: measures the whole system here and prints one table.
import { cpus, totalmem } from 'node:os';
import { measureCalls } from '@carillon/bench/calls';
import { measureMedia } from '@carillon/bench/media';
import { measureMessages } from '@carillon/bench/messages';
import { measureMessaging } from '@carillon/bench/messaging';
import { type Row, table } from '@carillon/bench/report';
import { measureRoundTrips } from '@carillon/bench/roundTrips';
import { measureSignaling } from '@carillon/bench/signaling';
import { measureTurn } from '@carillon/bench/turn';
import { World } from '@carillon/e2e';
import { ensureWorker } from '@carillon/sfu/worker';
import { commandLine } from './commandLine.ts';
import { CHROMIUM, ensureProgram, FFMPEG, NETWORKS } from './prerequisites/systemProgram.ts';
import { ensureWebBuild } from './prerequisites/webBuild.ts';

/** Each gets a whole system of its own. */
const IN_A_WORLD = { messages: measureMessages, media: measureMedia, calls: measureCalls, turn: measureTurn };
/** These start what they measure. */
const ALONE = { messaging: measureMessaging, signaling: measureSignaling, roundTrips: measureRoundTrips };
/** What needs no browser and no app is spared them. */
const WITHOUT_BROWSERS = ['messaging', 'signaling'];
const PARTS = [...Object.keys(IN_A_WORLD), ...Object.keys(ALONE)];

const HELP = `npm run bench -- [--only ${PARTS.join('|')}] [--json]

Starts a whole Carillon of its own and measures it from real devices, beside the
raw limits of this machine in the same run. Takes about fifteen minutes.`;

const { values } = commandLine(HELP, {
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.only !== undefined && !PARTS.includes(values.only))
    throw new Error(`--only takes one of ${PARTS.join(', ')}`);
  const isChosen = ([name]: [string, unknown]) => values.only === undefined || name === values.only;
  const inAWorld = Object.entries(IN_A_WORLD).filter(isChosen);
  const say = (words: string) => process.stderr.write(`${words}\n`);
  const rows: Row[] = [];
  if (values.only === undefined || !WITHOUT_BROWSERS.includes(values.only)) {
    await ensureWorker({ log: say });
    await ensureProgram(FFMPEG, say);
    await ensureProgram(CHROMIUM, say);
    if (process.getuid?.() === 0) await ensureProgram(NETWORKS, say);
    await ensureWebBuild(say);
  }
  for (const [, measure] of Object.entries(ALONE).filter(isChosen)) rows.push(...(await measure(say)));
  for (const [, measure] of inAWorld) {
    const world = await World.open();
    try {
      rows.push(...(await measure(world, say)));
    } finally {
      await world.close();
    }
  }
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}`;
  console.log(values.json ? JSON.stringify({ machine, rows }, null, 2) : `\n${table(rows)}\n\n${machine}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
