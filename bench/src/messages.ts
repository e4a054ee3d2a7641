// Sealed messages from device to device: stored durably at the server, opened and
// stored durably at the other end; beside bare WebSocket round trips.
import { once } from 'node:events';
import type { World } from '@carillon/e2e';
import { WebSocketServer, type WebSocket as Ws } from 'ws';
import { device } from './device.ts';
import type { Row } from './report.ts';
import { median } from './statistics.ts';

const MESSAGES = 300;
const ROUNDS = 3;
const ECHOES = 5_000;

export async function measureMessages(world: World, say: (words: string) => void): Promise<Row[]> {
  const sender = await device(world, 'talker');
  const receiver = await device(world, 'listener');
  const { with: to } = await sender.startConversation('listener');
  const rates: number[] = [];
  const echoes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    say(`messages: round ${round + 1} of ${ROUNDS}`);
    echoes.push(await echoRate());
    let left = MESSAGES;
    const all = new Promise<void>((resolve) => {
      const stop = receiver.on('message', (message) => {
        if (message.outgoing || message.body.type !== 'text' || --left > 0) return;
        stop();
        resolve();
      });
    });
    const began = performance.now();
    for (let n = 0; n < MESSAGES; n++) await sender.sendText(to.accountId, `message ${n} of a round`);
    await all;
    rates.push(MESSAGES / ((performance.now() - began) / 1000));
  }
  await Promise.all([sender.close(), receiver.close()]);
  return [
    {
      what: 'sealed messages, one device to another',
      value: median(rates),
      unit: '/s',
      beside: { what: 'bare WebSocket echoes, one socket', value: median(echoes) },
      how: `median of ${ROUNDS} x ${MESSAGES}; each durable in three SQLite stores, with receipts`,
    },
  ];
}

async function echoRate(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket: Ws) => socket.on('message', (data) => socket.send(data)));
  const address = server.address();
  const socket = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const payload = new Uint8Array(400);
  const began = performance.now();
  await new Promise<void>((resolve) => {
    let left = ECHOES;
    socket.addEventListener('message', () => {
      if (--left > 0) socket.send(payload);
      else resolve();
    });
    socket.send(payload);
  });
  const rate = ECHOES / ((performance.now() - began) / 1000);
  socket.close();
  await new Promise((resolve) => server.close(resolve));
  return rate;
}
