// The process that holds up, loses and reorders the packets of a laboratory's
// links. Its own, so that nothing a test does disturbs its clock.
import { setPriority } from 'node:os';
import { Arrivals } from '../core/arrivals.ts';
import { OneWay } from '../core/link.ts';
import { deviceNames, type EmulatorReply, type EmulatorRequest } from './messages.ts';
import { TunDevice } from './tunDevice.ts';

/** Before other processes: a packet that waits for a processor is late. */
const PRIORITY = -15;
/** What is due this soon goes with what is due: timers tick by milliseconds, and half of one early is as good as half late. */
const EARLY_MS = 0.5;

interface Link {
  readonly up: OneWay;
  readonly down: OneWay;
}

const links = new Map<number, Link>();
const onTheirWay = new Arrivals<{ readonly to: TunDevice; readonly packet: Buffer }>();
let timer: NodeJS.Timeout | undefined;
let timerAtMs = Number.POSITIVE_INFINITY;

function carry(way: OneWay, packet: Buffer, to: TunDevice): void {
  const nowMs = performance.now();
  for (const atMs of way.pass(packet.length, nowMs)) {
    if (atMs <= nowMs) to.send(packet);
    else onTheirWay.put(atMs, { to, packet });
  }
  arm(nowMs);
}

function arm(nowMs: number): void {
  const nextAtMs = onTheirWay.nextAtMs;
  if (nextAtMs === undefined || nextAtMs >= timerAtMs) return;
  clearTimeout(timer);
  timerAtMs = nextAtMs;
  timer = setTimeout(deliver, Math.max(0, nextAtMs - nowMs));
}

function deliver(): void {
  timerAtMs = Number.POSITIVE_INFINITY;
  const nowMs = performance.now();
  while ((onTheirWay.nextAtMs ?? Number.POSITIVE_INFINITY) <= nowMs + EARLY_MS) {
    const { to, packet } = onTheirWay.take()!;
    to.send(packet);
  }
  arm(performance.now());
}

async function open({ link, ways, seed }: EmulatorRequest & { do: 'open' }): Promise<void> {
  const names = deviceNames(link);
  const [near, far] = await Promise.all([TunDevice.open(names.near), TunDevice.open(names.far)]);
  // The directions have chances of their own.
  const opened = { up: new OneWay(ways.up, 2 * seed), down: new OneWay(ways.down, 2 * seed + 1) };
  near.onPacket((packet) => carry(opened.up, packet, far));
  far.onPacket((packet) => carry(opened.down, packet, near));
  links.set(link, opened);
}

async function carryOut(request: EmulatorRequest): Promise<Omit<EmulatorReply, 'id'>> {
  if (request.do === 'open') {
    await open(request);
    return {};
  }
  const link = links.get(request.link);
  if (!link) throw new Error(`there is no link ${request.link}`);
  if (request.do === 'report') return { report: { up: link.up.counts, down: link.down.counts } };
  link.up.set(request.ways.up);
  link.down.set(request.ways.down);
  return {};
}

setPriority(PRIORITY);
process.on('disconnect', () => process.exit());
process.on('message', (request: EmulatorRequest & { id: number }) => {
  carryOut(request).then(
    (reply) => process.send?.({ id: request.id, ...reply } satisfies EmulatorReply),
    (error: unknown) => process.send?.({ id: request.id, failed: String(error) } satisfies EmulatorReply),
  );
});
