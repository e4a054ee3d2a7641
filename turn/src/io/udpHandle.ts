// The shortest way through a UDP socket of Node: its handle, without what `dgram`
// does around it for each packet (a closure, a request object, an event). The
// packets of calls come singly, so that their delay is mostly code which is
// fetched anew for each. The handle is no public API: where it is not as Node 24
// has it, there is none here, and the socket goes by `dgram`.
import type { Socket } from 'node:dgram';
import type { TransportAddress } from '../core/address.ts';

interface Handle {
  /** More than 0: it has left. 0: it waits, and holds the request. Less: an error. */
  send(request: object, list: Buffer[], length: number, port: number, address: string, hasCallback: false): number;
  onmessage(bytes: number, handle: Handle, datagram: Buffer, from: TransportAddress): void;
}

/** What waits must not be collected, nor sent with again. */
type Request = { list?: readonly Buffer[] };

export class UdpHandle {
  readonly #handle: Handle;
  readonly #Request: new () => Request;
  #request: Request;
  /** Read by a send before it returns. */
  readonly #one: [Buffer] = [Buffer.alloc(0)];

  private constructor(handle: Handle, RequestClass: new () => Request) {
    this.#handle = handle;
    this.#Request = RequestClass;
    this.#request = new RequestClass();
  }

  /** Of a bound socket; undefined where Node has it otherwise. */
  static of(socket: Socket): UdpHandle | undefined {
    const handle = handleOf(socket);
    const RequestClass = handle && requestClassOf(handle, socket);
    return RequestClass && new UdpHandle(handle, RequestClass);
  }

  /** Instead of the socket's 'message' events. */
  onDatagram(listener: (datagram: Buffer, from: TransportAddress) => void): void {
    const handle = this.#handle;
    const ofSocket = handle.onmessage;
    handle.onmessage = (bytes, _, datagram, from) => {
      if (bytes < 0) ofSocket.call(handle, bytes, handle, datagram, from);
      else listener(datagram, from);
    };
  }

  /** Never on a closed socket: libuv would open another. What cannot be sent is lost, as on any network. */
  send(datagram: Buffer, port: number, address: string): void {
    const list = this.#one;
    list[0] = datagram;
    if (this.#handle.send(this.#request, list, 1, port, address, false) === 0) this.#keep([datagram]);
  }

  /** Both as one datagram. */
  sendBoth(list: [Buffer, Buffer], port: number, address: string): void {
    if (this.#handle.send(this.#request, list, 2, port, address, false) === 0) this.#keep(list);
  }

  #keep(list: readonly Buffer[]): void {
    this.#request.list = list;
    this.#request = new this.#Request();
  }
}

function handleOf(socket: Socket): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const states = socket as unknown as Record<symbol, { handle?: Partial<Handle> | null } | undefined>;
  const handle = symbol && states[symbol]?.handle;
  return typeof handle?.send === 'function' && handle.onmessage?.length === 4 ? (handle as Handle) : undefined;
}

let known: (new () => Request) | undefined;

/** By a send that goes no further than here. */
function requestClassOf(handle: Handle, socket: Socket): typeof known {
  if (known) return known;
  const { send } = handle;
  handle.send = (request, list, length) => {
    const isExpected = typeof request === 'object' && Array.isArray(list) && length === 1;
    if (isExpected) known = request.constructor as new () => Request;
    return 1;
  };
  const { address, port } = socket.address();
  socket.send(Buffer.alloc(1), port, address);
  handle.send = send;
  return known;
}
