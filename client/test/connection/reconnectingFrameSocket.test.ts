import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessagingClientFrameSchema, MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
import { backoffMs } from '../../src/connection/backoff.ts';
import { ReconnectingFrameSocket, type SocketState } from '../../src/connection/reconnectingFrameSocket.ts';
import { FrameHost } from './frameHost.ts';

type Socket = ReconnectingFrameSocket<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema>;

function stayConnected(host: FrameHost, token: (refused: boolean) => Promise<string>) {
  const states: SocketState[] = [];
  let watcher: (() => void) | undefined;
  let welcomes = 0;
  const socket: Socket = new ReconnectingFrameSocket({
    url: host.url,
    WebSocket,
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    random: () => 0,
    token,
    onPush: () => {},
    onWelcome: () => {
      welcomes++;
    },
    onState: (state) => {
      states.push(state);
      watcher?.();
    },
  });
  const until = (state: SocketState['state']) =>
    new Promise<void>((resolve) => {
      watcher = () => {
        if (states.at(-1)?.state === state) resolve();
      };
      watcher();
    });
  return { socket, states, until, welcomes: () => welcomes };
}

/** As in a browser: `page` is where it says that the network comes and goes. */
async function onPage(run: (page: EventTarget) => Promise<void>): Promise<void> {
  const page = new EventTarget();
  const names = ['addEventListener', 'removeEventListener'] as const;
  for (const name of names)
    Object.defineProperty(globalThis, name, { value: page[name].bind(page), configurable: true });
  try {
    await run(page);
  } finally {
    for (const name of names) Reflect.deleteProperty(globalThis, name);
  }
}

test('connects again after the server was gone, and says so', async () => {
  const host = new FrameHost({ request: () => ({ body: { case: 'acked', value: {} } }) });
  await host.start();
  const { socket, states, until, welcomes } = stayConnected(host, async () => 'token');
  socket.start();
  await socket.online(2_000);
  await socket.request({ case: 'ack', value: {} }, 'acked');
  await host.stop();
  await until('offline');
  await assert.rejects(socket.request({ case: 'ack', value: {} }, 'acked'), { code: 'unreachable' });
  await host.start();
  await socket.online(3_000);
  await socket.request({ case: 'ack', value: {} }, 'acked');
  assert.equal(welcomes(), 2);
  assert.ok(states.some((state) => state.state === 'offline' && state.reason?.code === 'shutting-down'));
  socket.close();
  assert.equal(states.at(-1)?.state, 'offline');
  await host.stop();
});

test('a refused token is asked for anew; a removed device does not try again', async () => {
  let removed = false;
  const host = new FrameHost({
    authenticate: ({ token }) => {
      if (removed) throw new ProtocolError('device-removed');
      if (token !== 'fresh') throw new ProtocolError('token-expired');
    },
    request: () => undefined,
  });
  await host.start();
  const { socket, states, until } = stayConnected(host, async (refused) => (refused ? 'fresh' : 'old'));
  socket.start();
  await socket.online(2_000);
  removed = true;
  host.connections.at(-1)?.fail(new ProtocolError('device-removed'));
  await until('offline');
  const last = states.at(-1);
  assert.ok(last?.state === 'offline' && last.final);
  await assert.rejects(socket.online(10_000), { code: 'device-removed' });
  socket.close();
  await host.stop();
});

test('waiting for a connection ends with why there is none', async () => {
  const host = new FrameHost({ request: () => undefined });
  await host.start();
  await host.stop();
  const { socket } = stayConnected(host, async () => 'token');
  socket.start();
  await assert.rejects(socket.online(200), { code: 'unreachable', message: 'The server cannot be reached.' });
  socket.close();
});

test('the wait doubles within its bounds, and is never in step', () => {
  assert.equal(backoffMs(0, 1), 300);
  assert.equal(backoffMs(0, 0), 150);
  assert.equal(backoffMs(3, 1), 2400);
  assert.equal(backoffMs(1000, 1), 15_000);
});

test("the browser's word that the network is gone is shown at once, and its return tried at once", () =>
  onPage(async (page) => {
    const host = new FrameHost({ request: () => undefined });
    await host.start();
    let hasNetwork = true;
    const { socket, states } = stayConnected(host, async () => {
      if (!hasNetwork) throw new ProtocolError('unreachable');
      return 'token';
    });
    socket.start();
    await socket.online(2_000);
    hasNetwork = false;
    page.dispatchEvent(new Event('offline'));
    const state = states.at(-1)!;
    assert.equal(state.state === 'offline' && state.reason?.message, 'This device is offline.');
    hasNetwork = true;
    page.dispatchEvent(new Event('online'));
    await socket.online(2_000);
    socket.close();
    await host.stop();
  }));

test('what is early goes right behind the hello, and is answered though no welcome was seen yet', async () => {
  const greeted = Promise.withResolvers<void>();
  const welcomed = Promise.withResolvers<void>();
  const asked: string[] = [];
  const host = new FrameHost({
    authenticate: () => {
      greeted.resolve();
      return welcomed.promise;
    },
    request: (_, { body }) => {
      asked.push(body.case ?? '');
      return { body: { case: 'acked', value: {} } };
    },
  });
  await host.start();
  const { socket } = stayConnected(host, async () => 'token');
  socket.start();
  const early = socket.requestEarly({ case: 'ack', value: {} }, 'acked');
  await greeted.promise;
  assert.equal(socket.isOnline, false);
  // Behind the hello, that is to say on its way already.
  const later = socket.requestEarly({ case: 'ack', value: {} }, 'acked');
  welcomed.resolve();
  await Promise.all([early, later]);
  assert.deepEqual(asked, ['ack', 'ack']);
  socket.close();
  await assert.rejects(socket.requestEarly({ case: 'ack', value: {} }, 'acked'), { code: 'unreachable' });
  await host.stop();
});

test('what waits for a hello that never comes is refused', async () => {
  const host = new FrameHost({ request: () => undefined });
  await host.start();
  const { url } = host;
  await host.stop();
  const { socket } = stayConnected({ url } as FrameHost, async () => 'token');
  socket.start();
  await assert.rejects(socket.requestEarly({ case: 'ack', value: {} }, 'acked'), { code: 'unreachable' });
  socket.close();
});

test('a network that goes while a token is fetched ends the attempt at once; the next does not wait for it', () =>
  onPage(async (page) => {
    const host = new FrameHost({ request: () => undefined });
    await host.start();
    let asked = 0;
    // The first request hangs in a network that is gone.
    const { socket, states } = stayConnected(host, () =>
      ++asked === 1 ? new Promise(() => {}) : Promise.resolve('t'),
    );
    socket.start();
    page.dispatchEvent(new Event('offline'));
    const state = states.at(-1)!;
    assert.equal(state.state === 'offline' && state.reason?.message, 'This device is offline.');
    page.dispatchEvent(new Event('online'));
    await socket.online(2_000);
    assert.equal(asked, 2);
    socket.close();
    await host.stop();
  }));

test('closed by whoever is told of a loss, it stays closed', async () => {
  const host = new FrameHost({ request: () => undefined });
  await host.start();
  let asked = 0;
  const closed = Promise.withResolvers<void>();
  const socket: Socket = new ReconnectingFrameSocket({
    url: host.url,
    WebSocket,
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    random: () => 0,
    token: async () => `${++asked}`,
    onPush: () => {},
    onState: ({ state }) => {
      if (state !== 'offline') return;
      // Closing says so once more.
      if (asked === 1) asked++;
      else return;
      socket.close();
      closed.resolve();
    },
  });
  socket.start();
  await socket.online(2_000);
  host.connections.at(-1)?.fail(new ProtocolError('slow-consumer'));
  await closed.promise;
  // Longer than the wait before another attempt.
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(asked, 2);
  await assert.rejects(socket.online(60_000), { message: 'The connection was closed.' });
  await host.stop();
});

test('woken by whoever is told of a loss, it connects once', async () => {
  const host = new FrameHost({ request: () => undefined });
  await host.start();
  let asked = 0;
  const socket: Socket = new ReconnectingFrameSocket({
    url: host.url,
    WebSocket,
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    random: () => 0,
    token: async () => `${++asked}`,
    onPush: () => {},
    onState: ({ state }) => state === 'offline' && socket.wake(),
  });
  socket.start();
  await socket.online(2_000);
  host.connections.at(-1)?.fail(new ProtocolError('slow-consumer'));
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(socket.isOnline);
  assert.equal(asked, 2);
  socket.close();
  await host.stop();
});

test('a server that takes a device and drops it is asked ever less often', async () => {
  let welcomed = 0;
  const host = new FrameHost({
    request: () => undefined,
    opened: (connection) => {
      welcomed++;
      setImmediate(() => connection.fail(new ProtocolError('slow-consumer')));
    },
  });
  await host.start();
  const { socket } = stayConnected(host, async () => 'token');
  const beganMs = performance.now();
  socket.start();
  while (welcomed < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  // 150, 300 and 600 ms.
  assert.ok(performance.now() - beganMs > 1_000);
  socket.close();
  await host.stop();
});
