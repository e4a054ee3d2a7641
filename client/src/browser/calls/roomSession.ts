// One connection to the SFU: a socket, a transport each way, and what goes over
// them. When any of it is lost it ends as a whole; browserRoom.ts makes the next.

import { create } from '@bufbuild/protobuf';
import {
  JsonBodySchema,
  type ProducerInfo,
  ProtocolError,
  SfuClientFrameSchema,
  SfuServerFrameSchema,
  type SfuWelcome,
  TransportDirection,
} from '@carillon/protocol';
import { Device } from 'mediasoup-client';
import type { Transport, TransportOptions } from 'mediasoup-client/types';
import type { IceServer, StatsEntry } from '../../calls/engine.ts';
import { type Body, type BodyInit, FrameSocket } from '../../connection/frameSocket.ts';
import type { BrowserMedia } from './browserMedia.ts';
import type { FrameTransforms } from './frameTransforms.ts';
import { RoomPublisher } from './roomPublisher.ts';
import { RoomSubscriber, type SubscriberEvents } from './roomSubscriber.ts';

type Client = typeof SfuClientFrameSchema;
type Server = typeof SfuServerFrameSchema;

/** A transport that stays 'disconnected' this long is given new ICE credentials. */
const ICE_RESTART_AFTER_MS = 1_500;

export interface RoomSessionOptions extends SubscriberEvents {
  readonly url: string;
  readonly WebSocket: typeof globalThis.WebSocket;
  readonly iceServers: readonly IceServer[];
  readonly media: BrowserMedia;
  readonly transforms: FrameTransforms;
  connected(): void;
  /** Once: it cannot go on. */
  lost(reason: ProtocolError): void;
}

export class RoomSession {
  readonly #options: RoomSessionOptions;
  readonly #socket: FrameSocket<Client, Server>;
  readonly #transports: Transport[] = [];
  #publisher: RoomPublisher | undefined;
  #subscriber: RoomSubscriber | undefined;
  #members: ReadonlySet<number> = new Set();
  #early: Body<Server>[] = [];
  #closed = false;

  constructor(options: RoomSessionOptions) {
    this.#options = options;
    this.#socket = new FrameSocket({
      url: options.url,
      WebSocket: options.WebSocket,
      clientFrame: SfuClientFrameSchema,
      serverFrame: SfuServerFrameSchema,
      onPush: (body) => this.#onPush(body),
      onClose: (reason) => this.#lose(reason),
    });
  }

  /** @throws ProtocolError */
  async open(ticket: string): Promise<void> {
    const welcome = await this.#socket.connect(ticket);
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: JSON.parse(welcome.routerRtpCapabilitiesJson) });
    const capabilities = create(JsonBodySchema, { json: JSON.stringify(device.recvRtpCapabilities) });
    const [send, receive] = await Promise.all([
      this.#openTransport(device, 'send'),
      this.#openTransport(device, 'receive'),
      this.#socket.request({ case: 'setRtpCapabilities', value: capabilities }, 'done'),
    ]);
    if (this.#closed) throw new ProtocolError('unreachable');
    const { media, transforms } = this.#options;
    const codecs = device.sendRtpCapabilities.codecs ?? [];
    const vp8 = codecs.find(({ mimeType }) => mimeType.toLowerCase() === 'video/vp8');
    this.#publisher = new RoomPublisher({ transport: send, socket: this.#socket, media, transforms, vp8 });
    this.#subscriber = new RoomSubscriber({
      transport: receive,
      socket: this.#socket,
      transforms,
      events: this.#options,
    });
    this.#subscriber.setMembers(this.#members);
    this.#begin(welcome);
  }

  setMembers(members: ReadonlySet<number>): void {
    this.#members = members;
    this.#subscriber?.setMembers(members);
  }

  needsKeyFrame(consumerId: string): void {
    this.#socket.request({ case: 'requestKeyFrame', value: { consumerId } }, 'done').catch(() => {});
  }

  async stats(): Promise<StatsEntry[]> {
    const reports = await Promise.all(this.#transports.map((transport) => transport.getStats()));
    const entries: StatsEntry[] = [];
    for (const report of reports) {
      report.forEach((entry: StatsEntry) => {
        entries.push(entry);
      });
    }
    return entries;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#publisher?.close();
    this.#subscriber?.close();
    for (const transport of this.#transports) transport.close();
    this.#socket.close();
  }

  #begin(welcome: SfuWelcome): void {
    for (const producer of welcome.producers) this.#subscriber?.added(producer);
    const early = this.#early;
    this.#early = [];
    for (const body of early) this.#onPush(body);
  }

  #lose(reason: ProtocolError): void {
    if (this.#closed) return;
    this.close();
    this.#options.lost(reason);
  }

  #onPush(body: Body<Server>): void {
    const subscriber = this.#subscriber;
    if (!subscriber) {
      this.#early.push(body);
      return;
    }
    switch (body.case) {
      case 'producerAdded':
      case 'producerChanged':
        subscriber.added(body.value as ProducerInfo);
        break;
      case 'producerClosed':
        subscriber.removed(body.value.producerId);
        break;
      case 'activeSpeaker':
        subscriber.speaks(body.value.number);
        break;
      default:
      // Members are signaling's word; layers that arrive are seen in the picture.
    }
  }

  async #openTransport(device: Device, direction: 'send' | 'receive'): Promise<Transport> {
    const { iceServers } = this.#options;
    const wire = direction === 'send' ? TransportDirection.SEND : TransportDirection.RECEIVE;
    const created = await this.#socket.request({ case: 'createTransport', value: { direction: wire } }, 'transport');
    const options: TransportOptions = {
      id: created.transportId,
      iceParameters: JSON.parse(created.iceParametersJson),
      iceCandidates: JSON.parse(created.iceCandidatesJson),
      dtlsParameters: JSON.parse(created.dtlsParametersJson),
      // The SFU is reachable by itself, but for networks that let nothing through but a relay.
      iceServers: iceServers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest })),
    };
    const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    this.#transports.push(transport);
    const { id: transportId } = transport;
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      const value = { transportId, dtlsParametersJson: JSON.stringify(dtlsParameters) };
      this.#socket.request({ case: 'connectTransport', value }, 'done').then(done, failed);
    });
    if (direction === 'send') {
      transport.on('produce', ({ rtpParameters, appData }, done, failed) => {
        const rtpParametersJson = JSON.stringify(rtpParameters);
        const value = { transportId, source: appData.source as number, rtpParametersJson };
        this.#request({ case: 'produce', value }).then(({ producerId }) => done({ id: producerId }), failed);
      });
    }
    this.#watch(transport);
    return transport;
  }

  #request(body: BodyInit<Client> & { case: 'produce' }) {
    return this.#socket.request(body, 'produced');
  }

  #watch(transport: Transport): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    transport.on('connectionstatechange', (state) => {
      clearTimeout(timer);
      if (state === 'connected') this.#options.connected();
      else if (state === 'failed') this.#lose(new ProtocolError('unreachable'));
      else if (state === 'disconnected')
        timer = setTimeout(() => void this.#restartIce(transport), ICE_RESTART_AFTER_MS);
    });
    transport.observer.on('close', () => clearTimeout(timer));
  }

  async #restartIce(transport: Transport): Promise<void> {
    try {
      const request = { case: 'restartIce' as const, value: { transportId: transport.id } };
      const { json } = await this.#socket.request(request, 'iceParameters');
      await transport.restartIce({ iceParameters: JSON.parse(json) });
    } catch {
      this.#lose(new ProtocolError('unreachable'));
    }
  }
}
