import type { MessagingClientFrameSchema, MessagingServerFrameSchema } from '@carillon/protocol';
import type { BodyInit, Case, Value } from '../connection/frameSocket.ts';

export type MessagingRequest = BodyInit<typeof MessagingClientFrameSchema>;
export type MessagingCase = Case<typeof MessagingServerFrameSchema>;

/** What the messaging half needs of its socket. */
export interface MessagingSocket {
  readonly isOnline: boolean;
  /** @throws ProtocolError `unreachable` when it is not online by then */
  online(timeoutMs: number): Promise<void>;
  /** Gives an attempt to connect its time; never throws. */
  settle(timeoutMs: number): Promise<void>;
  /** @throws ProtocolError */
  request<Name extends MessagingCase>(
    body: MessagingRequest,
    reply: Name,
  ): Promise<Value<typeof MessagingServerFrameSchema, Name>>;
}
