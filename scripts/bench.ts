// `npm run bench`: measures the whole system here and prints one table.
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCalls } from '@carillon/bench/calls';
import { measureMedia } from '@carillon/bench/media';
import { measureMessages } from '@carillon/bench/messages';
import { type Row, table } from '@carillon/bench/report';
import { measureTurn } from '@carillon/bench/turn';
import { World } from '@carillon/e2e';
import { ensureWorker } from '@carillon/sfu/worker';
import { CHROMIUM, ensureProgram, FFMPEG } from './prerequisites/systemProgram.ts';
import { ensureWebBuild } from './prerequisites/webBuild.ts';

const PARTS = { messages: measureMessages, media: measureMedia, calls: measureCalls, turn: measureTurn };

const HELP = `npm run bench -- [--only ${Object.keys(PARTS).join('|')}] [--json]

Starts a whole Carillon of its own and measures it from real devices, beside the
raw limits of this machine in the same run. Takes about three minutes.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP);
    return;
  }
  const chosen = Object.entries(PARTS).filter(([name]) => values.only === undefined || name === values.only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${Object.keys(PARTS).join(', ')}`);
  const say = (words: string) => process.stderr.write(`${words}\n`);
  await ensureWorker({ log: say });
  await ensureProgram(FFMPEG, say);
  await ensureProgram(CHROMIUM, say);
  await ensureWebBuild(say);
  const rows: Row[] = [];
  for (const [, measure] of chosen) {
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
