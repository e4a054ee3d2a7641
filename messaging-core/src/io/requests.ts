// What a connected device may ask, and who answers it: one file per area. Each
// answer comes after what it promises is durable.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type MessagingClientFrame, type MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
import type { DeviceConnection } from './deviceConnection.ts';
import { DeviceRequests, type DeviceRequestsOptions } from './deviceRequests.ts';
import { SendRequests, type SendRequestsOptions } from './sendRequests.ts';

export type Reply = MessageInitShape<typeof MessagingServerFrameSchema>;

export type RequestsOptions = SendRequestsOptions & DeviceRequestsOptions;

export class Requests {
  readonly #sends: SendRequests;
  readonly #devices: DeviceRequests;

  constructor(options: RequestsOptions) {
    this.#sends = new SendRequests(options);
    this.#devices = new DeviceRequests(options);
  }

  /** @throws ProtocolError */
  answer(device: DeviceConnection, { body }: MessagingClientFrame): Promise<Reply> {
    switch (body.case) {
      case 'send':
        return this.#sends.send(device, body.value);
      case 'ack':
        return this.#sends.acknowledge(device, body.value);
      case 'fetchBundles':
        return this.#devices.fetchBundles(device, body.value);
      case 'publishPrekeys':
        return this.#devices.publishPrekeys(device, body.value);
      case 'findAccount':
        return this.#devices.findAccount(device, body.value);
      default:
        throw new ProtocolError('unknown-frame');
    }
  }
}
