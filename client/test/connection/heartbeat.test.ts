import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessagingClientFrameSchema, MessagingServerFrameSchema } from '@carillon/protocol';
import { ReconnectingFrameSocket, type SocketState } from '../../src/connection/reconnectingFrameSocket.ts';
import { FrameHost } from './frameHost.ts';

interface Beat {
  intervalMs: number;
}

function connected(host: FrameHost, beat: Beat) {
  const states: SocketState[] = [];
  let watcher = () => {};
  const socket = new ReconnectingFrameSocket({
    url: host.url,
    WebSocket,
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    probe: { case: 'ping', value: {} },
    heartbeatMs: () => beat.intervalMs,
    token: async () => 'token',
    onPush: () => {},
    onState: (state) => {
      states.push(state);
      watcher();
    },
  });
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      watcher = () => condition() && resolve();
      watcher();
    });
  return { socket, states, until };
}

/** Answers pings, as long as it is to. */
async function pingHost() {
  const heard: { pings: number; asked: number[]; answers: boolean; onPing: () => void } = {
    pings: 0,
    asked: [],
    answers: true,
    onPing: () => {},
  };
  const host = new FrameHost({
    authenticate: ({ heartbeatMs }) => {
      heard.asked.push(heartbeatMs);
    },
    request: (_connection, { body }) => {
      if (body.case !== 'ping') return undefined;
      heard.pings++;
      heard.onPing();
      return heard.answers ? { body: { case: 'pong', value: {} } } : undefined;
    },
  });
  await host.start();
  return { host, heard };
}

test('[DEV-8] the hello says how often a sign of life comes, and within each interval one does', async () => {
  const { host, heard } = await pingHost();
  const { socket } = connected(host, { intervalMs: 200 });
  socket.start();
  await socket.online(2_000);
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    heard.onPing = () => heard.pings >= 3 && resolve();
  });
  assert.deepEqual(heard.asked, [200]);
  assert.ok(performance.now() - startedAt < 3 * 200 + 300);
  socket.close();
  await host.stop();
});

test('[DEV-8] a shorter interval holds at once; a longer one when there is a new connection to promise it to', async () => {
  const { host, heard } = await pingHost();
  const beat = { intervalMs: 60_000 };
  const { socket, until, states } = connected(host, beat);
  socket.start();
  await socket.online(2_000);
  const pinged = new Promise<void>((resolve) => {
    heard.onPing = resolve;
  });
  beat.intervalMs = 100;
  socket.retune();
  await pinged;
  beat.intervalMs = 60_000;
  socket.retune();
  const { length } = states;
  await host.stop();
  await host.start();
  await until(() => states.slice(length).some(({ state }) => state === 'online'));
  assert.deepEqual(heard.asked, [60_000, 60_000]);
  socket.close();
  await host.stop();
});

test('[DEV-8] looked at again, a connection that is dead is noticed within seconds and made anew', async () => {
  const { host, heard } = await pingHost();
  const { socket, states, until } = connected(host, { intervalMs: 300_000 });
  socket.start();
  await socket.online(2_000);
  // It answers no more, and does not say so.
  heard.answers = false;
  const startedAt = performance.now();
  socket.wake();
  await until(() => states.at(-1)?.state === 'offline');
  assert.ok(performance.now() - startedAt < 4_000);
  heard.answers = true;
  await until(() => states.at(-1)?.state === 'online');
  // A living one stays.
  const { length } = states;
  const pinged = new Promise<void>((resolve) => {
    heard.onPing = resolve;
  });
  socket.wake();
  await pinged;
  assert.equal(states.length, length);
  socket.close();
  await host.stop();
});
