// A real Redis Cluster of three primaries without replicas.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Cleanup, freePort, RedisServer } from '@carillon/service/testing';

const PRIMARIES = 3;
/** The nodes speak to each other on a port so much above the one for clients. */
const BUS_PORT_DISTANCE = 10_000;
const PORT_MAX = 65_535 - BUS_PORT_DISTANCE;

/** The URLs of its nodes, comma separated. */
export async function startRedisCluster(t: Cleanup): Promise<string> {
  const servers: RedisServer[] = [];
  while (servers.length < PRIMARIES) {
    const args = ['--cluster-enabled', 'yes', '--appendonly', 'no'];
    servers.push(await RedisServer.start(t, args, await freeClusterPort()));
  }
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`);
  await redisCli(['--cluster', 'create', ...nodes, '--cluster-yes']);
  // Every node has to have heard of every slot.
  for (const { port } of servers)
    while (!(await redisCli(['-p', `${port}`, 'cluster', 'info'])).includes('cluster_state:ok'))
      await new Promise((resolve) => setTimeout(resolve, 50));
  return servers.map(({ url }) => url).join(',');
}

async function redisCli(args: readonly string[]): Promise<string> {
  const child = spawn('redis-cli', [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      said += String(data);
    });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`redis-cli failed:\n${said}`);
  return said;
}

async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port <= PORT_MAX && (await isFree(port + BUS_PORT_DISTANCE))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const outcome = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen(port, '127.0.0.1');
  const free = await outcome;
  server.close();
  return free;
}
