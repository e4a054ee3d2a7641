import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ProtocolError, SfuServerFrameSchema } from '@carillon/protocol';
import type { FrameConnection } from '@carillon/service';
import type { LinkId } from '../core/roomTypes.ts';

export type SfuConnection = FrameConnection<typeof SfuServerFrameSchema>;
export type ServerBody = NonNullable<MessageInitShape<typeof SfuServerFrameSchema>['body']>;

let linksMade = 0;

/** One socket in a room. What is pushed before the welcome has gone out follows it. */
export class Link {
  readonly id: LinkId = ++linksMade;
  readonly #connection: SfuConnection;
  #held: ServerBody[] | undefined = [];

  constructor(connection: SfuConnection) {
    this.#connection = connection;
    // The welcome is sent in the microtasks after the join.
    setImmediate(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const body of held) this.push(body);
    });
  }

  push(body: ServerBody): void {
    if (this.#held) this.#held.push(body);
    else this.#connection.send({ body });
  }

  fail(error: ProtocolError): void {
    this.#connection.fail(error);
  }
}
