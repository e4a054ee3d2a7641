// Runs inside a namespace and does with plain sockets what it is told over IPC:
// what a network does to packets is seen by packets.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Endpoint, ProbeReply, ProbeRequest, Trip } from './messages.ts';

/** What a silent network is given before its silence is believed. */
const SILENCE_MS = 600;
const sockets = new Map<number, Socket>();
const received = new Map<number, string[]>();

async function bind(address: string, port: number, answers: boolean): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  const bound = socket.address().port;
  sockets.set(bound, socket);
  const texts: string[] = [];
  received.set(bound, texts);
  socket.on('message', (data: Buffer, from: RemoteInfo) => {
    if (answers)
      socket.send(Buffer.concat([Buffer.from(`${from.address}:${from.port} `), data]), from.port, from.address);
    else texts.push(data.toString());
  });
  return bound;
}

async function serve(address: string, port: number): Promise<number> {
  const bound = await bind(address, port, true);
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.end(`${connection.remoteAddress}:${connection.remotePort} `);
  });
  server.listen(bound, address);
  await once(server, 'listening');
  return bound;
}

async function until<T>(found: () => T | undefined): Promise<T | undefined> {
  const deadline = performance.now() + SILENCE_MS;
  for (;;) {
    const value = found();
    if (value !== undefined || performance.now() > deadline) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The endpoint as which the server sees this socket. */
async function ask(port: number, to: Endpoint): Promise<string | undefined> {
  const before = received.get(port)!.length;
  sockets.get(port)!.send('?', to.port, to.address);
  return (await until(() => received.get(port)![before]))?.split(' ')[0];
}

function hears(port: number, text: string): Promise<string | undefined> {
  return until(() => received.get(port)!.find((heard) => heard === text));
}

function dial(to: Endpoint): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect({ host: to.address, port: to.port });
    const timer = setTimeout(() => connection.destroy(), SILENCE_MS);
    let text = '';
    connection.on('data', (data: Buffer) => {
      text += data.toString();
    });
    connection.on('error', () => {});
    connection.on('close', () => {
      clearTimeout(timer);
      resolve(text === '' ? undefined : text.split(' ')[0]);
    });
  });
}

/** Numbered datagrams at a steady pace; which came back, how often, in which order, and when. */
async function trips(to: Endpoint, count: number, everyMs: number, bytes: number, waitMs: number): Promise<Trip[]> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  socket.bind(0);
  await once(socket, 'listening');
  const sent: number[] = [];
  const back: Trip[] = [];
  socket.on('message', (data: Buffer) => {
    const number = Number(data.toString('latin1').split(' ')[1]);
    const atMs = performance.now();
    back.push({ number, roundTripMs: atMs - sent[number]!, atMs: atMs - sent[0]! });
  });
  const began = performance.now();
  for (let number = 0; number < count; number++) {
    const dueInMs = began + number * everyMs - performance.now();
    if (dueInMs > 0) await new Promise((resolve) => setTimeout(resolve, dueInMs));
    sent.push(performance.now());
    socket.send(`${number} `.padEnd(bytes, '.'), to.port, to.address);
  }
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  socket.close();
  return back;
}

async function carryOut(request: ProbeRequest): Promise<unknown> {
  switch (request.do) {
    case 'serve':
      return serve(request.address, request.port);
    case 'bind':
      return bind('0.0.0.0', request.port, false);
    case 'ask':
      return ask(request.port, request.to);
    case 'say':
      sockets.get(request.port)!.send(request.text, request.to.port, request.to.address);
      return undefined;
    case 'hears':
      return hears(request.port, request.text);
    case 'dial':
      return dial(request.to);
    case 'trips':
      return trips(request.to, request.count, request.everyMs, request.bytes, request.waitMs);
    default:
      return request satisfies never;
  }
}

process.on('disconnect', () => process.exit());
process.on('message', (request: ProbeRequest & { id: number }) => {
  const reply = (rest: Omit<ProbeReply, 'id'>) => process.send?.({ id: request.id, ...rest } satisfies ProbeReply);
  carryOut(request).then(
    (value) => reply({ value }),
    (error: unknown) => reply({ failed: String(error) }),
  );
});
