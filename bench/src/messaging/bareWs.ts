// The limit: what `ws` alone costs for the same frames. Each client's message is
// handed to its partner and answered to its sender; an acknowledgement is
// answered. Nothing is parsed, checked or kept.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { ACKS_TOGETHER, CIPHERTEXT_BYTES } from './carillonPeer.ts';
import { type Client, cpuSecondsOf, type MessagingPeer, memoryBytesOf } from './peer.ts';

/** Envelope and frame around the ciphertext, as protobuf has them. */
const OVERHEAD_BYTES = 80;

export async function startBareWs(): Promise<MessagingPeer> {
  const file = fileURLToPath(new URL('./bareWsServer.ts', import.meta.url));
  const child: ChildProcess = fork(file, [], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [port] = (await once(child, 'message')) as [number];
  let connected = 0;
  const connect = (count: number) => Promise.all(Array.from({ length: count }, () => client(port, connected++)));
  return {
    name: 'bare ws',
    connect,
    prepare: async () => connect,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    memoryBytes: () => memoryBytesOf(child.pid!),
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function client(port: number, index: number): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${index}`, { perMessageDeflate: false });
  await once(socket, 'open');
  let unacknowledged = 0;
  const self: Client = {
    send: (mark) => {
      const message = Buffer.alloc(CIPHERTEXT_BYTES + OVERHEAD_BYTES);
      message[0] = 1;
      message.writeDoubleBE(mark, 1);
      socket.send(message);
    },
    onAccepted: () => {},
    onDelivered: () => {},
    close: () => socket.terminate(),
  };
  socket.on('message', (data: Buffer) => {
    if (data[0] === 2) self.onAccepted();
    if (data[0] !== 1) return;
    self.onDelivered(data.readDoubleBE(1));
    if (++unacknowledged < ACKS_TOGETHER) return;
    unacknowledged = 0;
    socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]));
  });
  return self;
}
