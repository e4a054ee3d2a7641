// A relay in a process of its own, stock node-turn or ours, that does what the
// probes tell it: a crash, a leak and time are seen alike in both.
import { mock } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseConfig } from '@carillon/service';
import NodeTurn from 'node-turn';
import { Relay, turnConfig } from '../../src/index.ts';
import { relayOptions } from '../relayOptions.ts';
import type { FromRelay, SubjectOptions, ToRelay } from './subject.ts';

/** The parts of stock node-turn that a user of it has. */
interface StockTurn {
  start(): void;
  stop(): void;
  readonly network: { readonly sockets: { once(event: string, listener: () => void): void }[] };
}
const StockNodeTurn = NodeTurn as unknown as new (config: Record<string, unknown>) => StockTurn;

const tell = (message: FromRelay) => process.send?.(message);
let stop: () => unknown = () => {};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function startStock({ port, hosts, credentials, bare }: SubjectOptions): Promise<void> {
  const server = new StockNodeTurn({
    listeningIps: hosts,
    listeningPort: port,
    realm: 'test',
    defaultAllocatetLifetime: 3600,
    log: () => {},
    ...(bare ? {} : { authMech: 'long-term', credentials }),
  });
  server.start();
  stop = () => server.stop();
  const { sockets } = server.network;
  // A port that is taken it does not tell of: its start is over either way.
  const settled = ['listening', 'error'];
  await Promise.all(sockets.map((one) => new Promise<void>((done) => settled.map((event) => one.once(event, done)))));
}

async function startOurs({ port, hosts, bare }: SubjectOptions): Promise<void> {
  if (bare) parseConfig(turnConfig, {});
  const relay = new Relay(
    relayOptions({
      ...{ port, now: () => Date.now(), unprovenPerSecond: 1e6 },
      ipv6: hosts.includes('::') ? { listen: '::', relayAddress: '::1' } : undefined,
      allowPeers: ['127.0.0.1/32', '127.0.0.3/32'],
    }),
  );
  await relay.start();
  stop = () => relay.stop();
}

async function obey(order: ToRelay): Promise<number> {
  switch (order.do) {
    case 'start':
      if (order.options.holdsTime) mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'], now: Date.now() });
      await (order.kind === 'stock' ? startStock(order.options) : startOurs(order.options));
      return 0;
    case 'pass':
      mock.timers.tick(order.ms);
      return 0;
    case 'heap':
      collect();
      return process.memoryUsage().heapUsed;
    case 'stop':
      await stop();
      return 0;
    default:
      return order satisfies never;
  }
}

process.on('message', (order: ToRelay) => {
  obey(order).then(
    (value) => tell({ value }),
    (error: unknown) => tell({ words: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
