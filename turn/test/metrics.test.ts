// What an operator sees of the relay: /metrics and /turn/stats, as they are served.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { parseConfig, silentLog } from '@carillon/service';
import { freePort, freeUdpPort } from '@carillon/service/testing';
import { METHOD } from '../src/core/stun.ts';
import { turnConfig, turnService } from '../src/index.ts';
import { NO_STATS } from '../src/io/relayStats.ts';
import { relayMetrics } from '../src/metrics.ts';
import { SECRET } from './relayOptions.ts';
import { channelAttribute, credential, peerAttribute, TurnClient } from './turnClient.ts';

test('every figure of a relay is a metric, each its own', () => {
  const figures = Object.keys(NO_STATS).map((key, n) => [key, 1000 + n]);
  const stats = { ...NO_STATS, ...Object.fromEntries(figures) };
  const shown = [
    ...relayMetrics(() => stats)
      .text()
      .matchAll(/^turn_\w+ (\d+)$/gm),
  ].map(([, value]) => Number(value));
  assert.deepEqual(shown.toSorted(), Object.values(stats).toSorted());
});

test('what is relayed is counted, and told without a user or an address', async (t) => {
  const [udp, metricsPort] = [await freeUdpPort(), await freePort()];
  const config = parseConfig(turnConfig, {
    CARILLON_TURN_SECRET: SECRET,
    CARILLON_TURN_LISTEN: '127.0.0.1',
    CARILLON_TURN_PORT: String(udp),
    CARILLON_TURN_TCP_PORT: '0',
    CARILLON_TURN_ALLOW_PEERS: '127.0.0.0/8',
    CARILLON_TURN_DRAIN_SECONDS: '0',
    CARILLON_TURN_METRICS_PORT: String(metricsPort),
  });
  const service = await turnService.start(config, silentLog);
  t.after(() => service.close());
  const peer = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => peer.close());
  await once(peer, 'listening');
  const client = await new TurnClient(udp, credential(SECRET, 'ana', Math.floor(Date.now() / 1000) + 3600)).open();
  t.after(() => client.close());
  const relayed = await client.allocate();
  const to = peerAttribute({ address: '127.0.0.1', port: peer.address().port });
  await client.request(METHOD.channelBind, [channelAttribute(0x4000), to]);
  const up = once(peer, 'message');
  client.sendRaw(Buffer.from('40000003313233', 'hex'));
  await up;
  const down = client.next();
  peer.send('12345', relayed.port, relayed.address);
  await down;

  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  assert.equal(value('turn_allocations'), 1);
  assert.equal(value('turn_users'), 1);
  assert.equal(value('turn_allocations_made_total'), 1);
  assert.deepEqual([value('turn_to_peer_packets_total'), value('turn_to_peer_bytes_total')], [1, 3]);
  assert.deepEqual([value('turn_to_client_packets_total'), value('turn_to_client_bytes_total')], [1, 5]);
  assert.doesNotMatch(text, /ana|127\.0\.0\.1/);

  const http = createServer((request, response) => {
    service.handleRequest?.(request, response, new URL(request.url ?? '/', 'http://relay'));
  }).listen(0, '127.0.0.1');
  t.after(() => http.close());
  await once(http, 'listening');
  const { port } = http.address() as { port: number };
  const stats = (await (await fetch(`http://127.0.0.1:${port}/turn/stats`)).json()) as typeof NO_STATS;
  assert.equal(stats.toClientBytes, 5);
});
