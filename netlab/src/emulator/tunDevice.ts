// A TUN device as a stream of IP packets. socat holds the device, because Node
// cannot make the ioctl that takes one: each packet comes and goes as one
// datagram on loopback. The device may be moved to any namespace afterwards.
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Bursts wait here while this process does something else; the kernel gives at most what the machine allows. */
const SOCKET_BYTES = 4 << 20;

export class TunDevice {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @throws Error with socat's words */
  static async open(name: string): Promise<TunDevice> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BYTES, sendBufferSize: SOCKET_BYTES });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const peer = await freePort();
    const device = `TUN,tun-name=${name},tun-type=tun,iff-no-pi`;
    const way = `UDP4:127.0.0.1:${socket.address().port},bind=127.0.0.1:${peer},rcvbuf=${SOCKET_BYTES}`;
    const socat = spawn('setpriv', ['--pdeathsig', 'KILL', 'socat', '-d', '-d', device, way], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await new Promise<void>((resolve, reject) => {
      let said = '';
      socat.stderr.on('data', (data: Buffer) => {
        said = (said + data.toString()).slice(-2_000);
        if (said.includes('starting data transfer loop')) resolve();
      });
      socat.once('error', reject);
      socat.once('exit', () => reject(new Error(`socat: ${said.trim()}`)));
    });
    socket.connect(peer, '127.0.0.1');
    await once(socket, 'connect');
    // The device went with its namespace: packets to it are lost, as on a cut cable.
    socket.on('error', () => {});
    return new TunDevice(socket);
  }

  onPacket(listener: (packet: Buffer) => void): void {
    this.#socket.on('message', listener);
  }

  send(packet: Buffer): void {
    this.#socket.send(packet, () => {});
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
