// A worker's process: a relay on a UDP port of its own, with the connections
// that the process before it hands over. It ends when it is told, or when that
// process is gone.
import { Socket } from 'node:net';
import { createLog } from '@carillon/service';
import { type OpenRelay, openRelay } from './relayService.ts';
import type { FromWorker, ToWorker } from './workerMessages.ts';

/** What a look at the metrics may be behind. */
const STATS_MS = 500;

const log = createLog('turn', { json: process.env.CARILLON_LOG === 'json' });
const tell = (message: FromWorker) => process.connected && process.send?.(message);
let open: OpenRelay | undefined;
let ending = false;

async function start({ config, port }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  try {
    open = await openRelay(config, log, { port, adoptsStreams: true });
    const { relay, ports } = open;
    setInterval(() => tell({ type: 'stats', stats: relay.stats }), STATS_MS);
    tell({ type: 'ready', ports });
  } catch (error) {
    tell({ type: 'failed', words: error instanceof Error ? error.message : String(error) });
  }
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await open?.stop();
  if (open) tell({ type: 'stats', stats: open.relay.stats });
  process.exit(0);
}

process.on('message', (message: ToWorker, handle: unknown) => {
  switch (message.type) {
    case 'start':
      void start(message);
      return;
    case 'stream':
      // A connection that ended on its way comes without its socket.
      if (handle instanceof Socket) open?.relay.adopt(message.over, handle);
      return;
    case 'stop':
      void end();
      return;
    default:
      message satisfies never;
  }
});
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => void end());
// Ctrl-C reaches the whole process group; the process before the workers decides.
process.on('SIGINT', () => {});
