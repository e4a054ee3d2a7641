// A messaging server that lies to one device: its frames are changed between
// the socket and the SDK.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type MessagingClientFrame,
  MessagingClientFrameSchema,
  type MessagingServerFrame,
  MessagingServerFrameSchema,
} from '@carillon/protocol';

/** Changes a frame in place, before the device sees it. */
export type Lie = (frame: MessagingServerFrame) => void;

export class LyingServer {
  lie: Lie = () => {};
  /** Changes what the device says, before the server hears it. */
  mishear: (frame: MessagingClientFrame) => void = () => {};

  /** For the platform of the device that is lied to. */
  readonly WebSocket = new Proxy(globalThis.WebSocket, {
    construct: (target, args: [string]) => {
      const ws = new target(...args);
      Object.defineProperty(ws, 'onmessage', {
        set: (listener: (event: { data: unknown }) => void) => {
          ws.addEventListener('message', ({ data }) => listener({ data: this.#changed(data as ArrayBuffer) }));
        },
      });
      const send = ws.send.bind(ws);
      Object.defineProperty(ws, 'send', {
        value: (data: Uint8Array<ArrayBuffer>) => {
          const frame = fromBinary(MessagingClientFrameSchema, data);
          this.mishear(frame);
          send(toBinary(MessagingClientFrameSchema, frame));
        },
      });
      return ws;
    },
  });

  #changed(data: ArrayBuffer): ArrayBuffer {
    const frame = fromBinary(MessagingServerFrameSchema, new Uint8Array(data));
    this.lie(frame);
    return new Uint8Array(toBinary(MessagingServerFrameSchema, frame)).buffer;
  }
}
