// As many packets as a relay carries, and what they cost it.
import { setTimeout as pause } from 'node:timers/promises';
import { type Direction, LoadClient } from './turnLoad.ts';
import type { TurnServer } from './turnServers.ts';

export const CLIENTS = 10;
export const SAMPLE_MS = 600;
/** Packets under way at once: enough to keep a relay busy, little enough that no buffer overflows. */
export const WINDOW = 200;

export interface Measured {
  readonly packetsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
}

/** Sends as fast as packets arrive; what is lost is made up for. */
export async function relayPackets(
  server: TurnServer,
  clients: readonly LoadClient[],
  { direction, bytes }: { direction: Direction; bytes: number },
): Promise<Measured> {
  let arrived = 0;
  let sending = true;
  const paths = clients.map((client) => {
    const path = client.path(direction, bytes, () => {
      arrived++;
      if (sending) path.send();
    });
    return path;
  });
  const fill = () => {
    for (let n = 0; n < WINDOW; n++) paths[n % paths.length]!.send();
  };
  let seen = 0;
  const refill = setInterval(() => {
    if (arrived === seen) fill();
    seen = arrived;
  }, 20);
  fill();
  await pause(50);
  const [fromPackets, fromCpu, fromMs] = [arrived, server.cpuSeconds(), performance.now()];
  await pause(SAMPLE_MS);
  const [packets, cpu, ms] = [arrived - fromPackets, server.cpuSeconds() - fromCpu, performance.now() - fromMs];
  sending = false;
  clearInterval(refill);
  await pause(50);
  for (const path of paths) path.stop();
  return { packetsPerSecond: (packets / ms) * 1000, cpuSecondsPerMillion: (cpu / packets) * 1e6 };
}

/** With a channel each, spread over the ports of the workers. */
export async function withChannels(server: TurnServer, workers = 1): Promise<LoadClient[]> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => LoadClient.open(server.port + (n % workers), `relaying${n}`)),
  );
  for (const client of clients) {
    await client.allocate();
    await client.bind();
  }
  return clients;
}
