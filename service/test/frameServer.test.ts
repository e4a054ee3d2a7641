// The wire rules every socket keeps, on a real WebSocket, with the messaging frames.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  ERRORS,
  type ErrorCode,
  MessagingClientFrameSchema,
  type MessagingServerFrame,
  MessagingServerFrameSchema,
  ProtocolError,
} from '@carillon/protocol';
import { WebSocket } from 'ws';
import { type FrameConnection, FrameServer, type ListeningService, listen, silentLog } from '../src/index.ts';

let server: FrameServer<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema, string>;
let listening: ListeningService;
const closedSessions: string[] = [];
const HEARTBEAT = { minMs: 40, maxMs: 200, defaultMs: 60 };
let connections: FrameConnection<typeof MessagingServerFrameSchema>[] = [];
const sockets: WebSocket[] = [];

before(async () => {
  server = new FrameServer({
    path: '/socket',
    clientFrame: MessagingClientFrameSchema,
    serverFrame: MessagingServerFrameSchema,
    frameBytesMax: 64 * 1024,
    rate: { perSecond: 100, burst: 50 },
    bufferedBytesMax: 256 * 1024,
    helloTimeoutMs: 200,
    heartbeat: HEARTBEAT,
    log: silentLog,
    now: Date.now,
    remoteAddress: ({ headers }) => {
      if (headers['x-from'] === 'too many') throw new ProtocolError('rate-limited');
      return String(headers['x-from'] ?? 'here');
    },
    authenticate: async ({ token }) => {
      if (token === 'bad') throw new ProtocolError('token-invalid');
      return token;
    },
    open: (connection) => {
      connections.push(connection);
      return { body: { case: 'welcome', value: { handle: 'me', heartbeatMs: connection.heartbeatMs } } };
    },
    request: (_connection, _session, { body }) => {
      if (body.case === 'findAccount' && body.value.handle === 'throw') throw new Error('a bug');
      if (body.case === 'findAccount') return { body: { case: 'account', value: { handle: body.value.handle } } };
      throw new ProtocolError('rate-limited', { retryAfterMs: 1500 });
    },
    close: (_connection, session) => closedSessions.push(session),
  });
  listening = await listen(
    { problems: () => [], handleUpgrade: (...args) => server.handleUpgrade(...args), close: () => server.close() },
    { name: 'test', healthPath: '/health', host: '127.0.0.1', port: 0, log: silentLog },
  );
});
after(async () => {
  for (const socket of sockets) socket.terminate();
  await listening.close();
});

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`${listening.url.replace('http', 'ws')}/socket`);
  sockets.push(socket);
  await once(socket, 'open');
  return socket;
}
const frame = (init: MessageInitShape<typeof MessagingClientFrameSchema>) =>
  toBinary(MessagingClientFrameSchema, create(MessagingClientFrameSchema, init));
async function ask(socket: WebSocket, bytes: Uint8Array): Promise<MessagingServerFrame> {
  const reply = once(socket, 'message', { signal: AbortSignal.timeout(2_000) });
  socket.send(bytes);
  return fromBinary(MessagingServerFrameSchema, ((await reply) as [Buffer])[0]);
}
const hello = (token = 'ana', version = 1, heartbeatMs = 0) =>
  frame({ requestId: 1, body: { case: 'hello', value: { token, version, heartbeatMs } } });
async function signedIn(token?: string): Promise<WebSocket> {
  const socket = await open();
  assert.equal((await ask(socket, hello(token))).body.case, 'welcome');
  return socket;
}
async function closedWith(socket: WebSocket, code: ErrorCode | number): Promise<void> {
  const [closeCode, reason] = (await once(socket, 'close', { signal: AbortSignal.timeout(3_000) })) as [number, Buffer];
  assert.equal(closeCode, typeof code === 'number' ? code : ERRORS[code].close);
  if (typeof code !== 'number') assert.equal(reason.toString(), code);
}

test('[WIRE-1] a request is answered by its id, a failure with code and words', async () => {
  const socket = await signedIn();
  const found = await ask(socket, frame({ requestId: 7, body: { case: 'findAccount', value: { handle: 'bob' } } }));
  assert.equal(found.replyTo, 7);
  assert.equal(found.body.case === 'account' && found.body.value.handle, 'bob');
  const refused = await ask(socket, frame({ requestId: 8, body: { case: 'ack', value: {} } }));
  assert.equal(refused.replyTo, 8);
  assert.ok(
    refused.body.case === 'failure' &&
      refused.body.value.code === 'rate-limited' &&
      refused.body.value.retryAfterMs === 1500,
  );
});

test('[WIRE-2] a socket that does not say hello, or not first, is closed', async () => {
  await closedWith(await open(), 'hello-timeout');
  const rude = await open();
  rude.send(frame({ requestId: 1, body: { case: 'ack', value: {} } }));
  await closedWith(rude, 'hello-expected');
});

test('[WIRE-2] a bad token or another version is refused', async () => {
  const stranger = await open();
  stranger.send(hello('bad'));
  await closedWith(stranger, 'token-invalid');
  const future = await open();
  future.send(hello('ana', 99));
  await closedWith(future, 'unsupported-version');
});

test('[WIRE-3] an oversized frame, text and rubbish close the socket; the server lives', async () => {
  const big = await signedIn();
  big.send(Buffer.alloc(64 * 1024 + 1));
  await closedWith(big, 1009);
  const text = await signedIn();
  text.send('hello');
  await closedWith(text, 'malformed-frame');
  const rubbish = await signedIn();
  rubbish.send(Buffer.from([0xff, 0xff, 0xff]));
  await closedWith(rubbish, 'malformed-frame');
  await signedIn();
});

test('[WIRE-4] an unknown request is answered so, unknown fields pass', async () => {
  const socket = await signedIn();
  // Field 99, length-delimited, as a newer client may send it.
  const unknown = Buffer.concat([frame({ requestId: 3 }), Buffer.from([0x9a, 0x06, 1, 1])]);
  const reply = await ask(socket, unknown);
  assert.ok(reply.body.case === 'failure' && reply.body.value.code === 'unknown-frame');
  const known = Buffer.concat([
    frame({ requestId: 4, body: { case: 'findAccount', value: { handle: 'x' } } }),
    Buffer.from([0x9a, 0x06, 1, 1]),
  ]);
  assert.equal((await ask(socket, known)).body.case, 'account');
});

test('[WIRE-5] a flood closes the socket', async () => {
  const socket = await signedIn();
  for (let n = 0; n < 80; n++)
    socket.send(frame({ requestId: n + 10, body: { case: 'findAccount', value: { handle: 'x' } } }));
  await closedWith(socket, 'rate-limited');
});

test('[WIRE-6] a peer that does not read is cut, not buffered without end', async () => {
  connections = [];
  const socket = await signedIn('slow');
  socket.pause();
  const [connection] = connections;
  const payload = { body: { case: 'account' as const, value: { handle: 'x'.repeat(32 * 1024) } } };
  let sent = 0;
  while (connection!.send(payload)) assert.ok(++sent < 2_000, 'it is still being fed');
  assert.ok(connection!.bufferedBytes < 1024 * 1024);
  socket.resume();
  await once(socket, 'close');
});

test('a fault of our own is answered as such and the socket stays', async () => {
  const socket = await signedIn();
  const reply = await ask(socket, frame({ requestId: 9, body: { case: 'findAccount', value: { handle: 'throw' } } }));
  assert.ok(reply.body.case === 'failure' && reply.body.value.code === 'internal-error');
  assert.equal(
    (await ask(socket, frame({ requestId: 10, body: { case: 'findAccount', value: { handle: 'y' } } }))).body.case,
    'account',
  );
});

test('requests right behind the hello wait for it', async () => {
  const socket = await open();
  const two = new Promise<number[]>((resolve) => {
    const ids: number[] = [];
    socket.on('message', (data: Buffer) => {
      ids.push(fromBinary(MessagingServerFrameSchema, data).replyTo);
      if (ids.length === 2) resolve(ids);
    });
  });
  socket.send(hello());
  socket.send(frame({ requestId: 2, body: { case: 'findAccount', value: { handle: 'x' } } }));
  assert.deepEqual(await two, [1, 2]);
});

test('the service is told of each session that ends', async () => {
  const socket = await signedIn('gone');
  socket.close();
  await once(socket, 'close');
  while (!closedSessions.includes('gone')) await new Promise((resolve) => setImmediate(resolve));
});

/** As a browser that gives its own signs of life: `asked` milliseconds apart at most. */
async function beating(asked: number): Promise<{ socket: WebSocket; heartbeatMs: number }> {
  const socket = await open();
  const { body } = await ask(socket, hello('ana', 1, asked));
  assert.equal(body.case, 'welcome');
  return { socket, heartbeatMs: body.case === 'welcome' ? body.value.heartbeatMs : 0 };
}

test('[WIRE-8] the client chooses the heartbeat within bounds, and the welcome says it', async () => {
  for (const [asked, given] of [
    [0, 60],
    [1, 40],
    [100, 100],
    [4_000_000_000, 200],
  ] as const) {
    const { socket, heartbeatMs } = await beating(asked);
    assert.equal(heartbeatMs, given);
    socket.close();
  }
});

test('[WIRE-9] two and a half intervals without a frame end the socket; any frame is a sign of life', async () => {
  const silent = await beating(40);
  const startedAt = performance.now();
  let pinged = false;
  silent.socket.on('ping', () => {
    pinged = true;
  });
  const lively = await beating(40);
  const slow = await beating(200);
  const frames = setInterval(
    () => lively.socket.send(frame({ requestId: 2, body: { case: 'findAccount', value: { handle: 'x' } } })),
    30,
  );
  await closedWith(silent.socket, 'heartbeat-missed');
  assert.ok(performance.now() - startedAt >= 100, 'not before 2.5 intervals');
  assert.equal(pinged, false, 'who gives signs of life by itself is not pinged');
  clearInterval(frames);
  lively.socket.ping();
  assert.equal(lively.socket.readyState, WebSocket.OPEN);
  assert.equal(slow.socket.readyState, WebSocket.OPEN);
  await closedWith(lively.socket, 'heartbeat-missed');
  await closedWith(slow.socket, 'heartbeat-missed');
});

test('[WIRE-9] who left the interval to the server is pinged, and its pongs are signs of life', async () => {
  const socket = await signedIn();
  let pings = 0;
  await new Promise<void>((resolve) => {
    socket.on('ping', () => {
      if (++pings === 4) resolve();
    });
  });
  assert.equal(socket.readyState, WebSocket.OPEN);
  const mute = new WebSocket(`${listening.url.replace('http', 'ws')}/socket`, { autoPong: false });
  sockets.push(mute);
  await once(mute, 'open');
  assert.equal((await ask(mute, hello())).body.case, 'welcome');
  await closedWith(mute, 'heartbeat-missed');
});

test('where a socket comes from is known to its connection, and may be reason to refuse it', async () => {
  const from = (address: string) =>
    new WebSocket(`${listening.url.replace('http', 'ws')}/socket`, { headers: { 'x-from': address } });
  const welcome = from('192.0.2.7');
  sockets.push(welcome);
  await once(welcome, 'open');
  connections = [];
  await ask(welcome, hello());
  assert.equal(connections[0]!.remoteAddress, '192.0.2.7');
  const [error] = (await once(from('too many'), 'error')) as [Error];
  assert.match(error.message, /429/);
});

test('[WIRE-10] sessions that may not go on are ended by the code that says why, others are left alone', async () => {
  const removed = await signedIn('removed');
  const other = await signedIn('other');
  server.endSessions((session) => session === 'removed', new ProtocolError('device-removed'));
  await closedWith(removed, 'device-removed');
  assert.equal((await ask(other, frame({ requestId: 5 }))).body.case, 'failure');
});
