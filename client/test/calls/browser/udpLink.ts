// A link between two pages, changed while they talk: whatever candidate one is
// told of the other's is a port here, and what comes to it goes on to the other
// after the bottleneck. A queue that is full drops what comes next.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** IPv4 and UDP headers. */
const HEADER_BYTES = 28;
const QUEUE_MS = 300;

/** One way of the link. */
interface Way {
  readonly owner: string;
  freeAtMs: number;
}

export class UdpLink {
  /** Of each way. */
  rateKbps = Number.POSITIVE_INFINITY;
  delayMs = 0;
  /** Real address and port -> the port that stands for it here. */
  readonly #ports = new Map<string, Promise<{ readonly socket: Socket; readonly port: number }>>();
  readonly #ways = new Map<string, Way>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** A candidate of `owner` as the other is to be told of it; undefined: not at all. */
  async candidate(owner: string, line: string): Promise<string | undefined> {
    const fields = line.split(' ');
    const [address, port] = [fields[4] ?? '', Number(fields[5])];
    if (fields[2]?.toLowerCase() !== 'udp' || !/^\d+\.\d+\.\d+\.\d+$/.test(address)) return undefined;
    const stand = await this.#standIn(owner, address, port);
    return fields.with(4, '127.0.0.1').with(5, `${stand.port}`).join(' ');
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const stand of this.#ports.values()) (await stand).socket.close();
  }

  #standIn(owner: string, address: string, port: number) {
    const key = `${address}:${port}`;
    const known = this.#ports.get(key);
    if (known) return known;
    const opened = this.#open(owner, address, port);
    this.#ports.set(key, opened);
    return opened;
  }

  async #open(owner: string, address: string, port: number) {
    const socket = createSocket('udp4');
    const way = this.#ways.get(owner) ?? { owner, freeAtMs: 0 };
    this.#ways.set(owner, way);
    socket.on('message', (packet, from) => this.#carry(way, packet, from, { address, port }));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return { socket, port: socket.address().port };
  }

  #carry(way: Way, packet: Buffer, from: RemoteInfo, to: { readonly address: string; readonly port: number }): void {
    const nowMs = performance.now();
    const waitMs = Math.max(0, way.freeAtMs - nowMs);
    if (waitMs > QUEUE_MS) return;
    way.freeAtMs = nowMs + waitMs + ((packet.length + HEADER_BYTES) * 8) / this.rateKbps;
    const timer = setTimeout(
      async () => {
        this.#timers.delete(timer);
        // From the port that stands for its sender: an answer goes back the same way.
        const sender = await this.#standIn(this.#otherThan(way.owner), from.address, from.port);
        sender.socket.send(packet, to.port, to.address, () => {});
      },
      way.freeAtMs - nowMs + this.delayMs,
    );
    this.#timers.add(timer);
  }

  #otherThan(owner: string): string {
    return [...this.#ways.keys()].find((name) => name !== owner) ?? 'other';
  }
}
