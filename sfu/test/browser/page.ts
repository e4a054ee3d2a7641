// What runs inside Chromium: joins a room with mediasoup-client over the
// protocol's frames, sends a camera and a microphone, and receives all others.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  MediaSource,
  PROTOCOL_VERSION,
  type ProducerInfo,
  SfuClientFrameSchema,
  type SfuServerFrame,
  SfuServerFrameSchema,
  TransportDirection,
} from '@carillon/protocol';
import { Device, type types } from 'mediasoup-client';

type ClientBody = NonNullable<MessageInitShape<typeof SfuClientFrameSchema>['body']>;
type ServerBody = SfuServerFrame['body'];
type ServerCase = NonNullable<ServerBody['case']>;
type BodyOf<Case extends ServerCase> = Extract<ServerBody, { case: Case }>['value'];

export interface JoinOptions {
  readonly url: string;
  readonly ticket: string;
  /** Use only ICE candidates of this transport protocol. */
  readonly only?: 'udp' | 'tcp';
  /** Sends a loud voice-like tone in place of the fake microphone's faint beeps. */
  readonly isSpeaking?: boolean;
}

export interface Received {
  readonly kind: string;
  readonly packets: number;
  readonly frames: number;
  readonly width: number;
  readonly energy: number;
  /** Of the selected candidate pair. */
  readonly protocol: string;
}

class PageMember {
  closed: string | undefined;
  speaker = 0;
  readonly layers: number[] = [];
  readonly consumers: types.Consumer[] = [];
  readonly #socket: WebSocket;
  readonly #device = new Device();
  readonly #waiting = new Map<number, (body: ServerBody | undefined) => void>();
  readonly #options: JoinOptions;
  #receive: types.Transport | undefined;
  #requestId = 0;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = ({ data }) => {
      const { replyTo, body } = fromBinary(SfuServerFrameSchema, new Uint8Array(data as ArrayBuffer));
      if (replyTo === 0) this.#onPush(body);
      else this.#waiting.get(replyTo)?.(body);
    };
    this.#socket.onclose = ({ code, reason }) => {
      this.closed = `${code} ${reason}`;
      for (const resolve of this.#waiting.values()) resolve(undefined);
    };
  }

  async join(): Promise<void> {
    await new Promise((resolve) => {
      this.#socket.onopen = resolve;
      this.#socket.addEventListener('close', resolve);
    });
    const welcome = await this.#request(
      { case: 'hello', value: { token: this.#options.ticket, version: PROTOCOL_VERSION } },
      'welcome',
    );
    await this.#device.load({ routerRtpCapabilities: JSON.parse(welcome.routerRtpCapabilitiesJson) });
    const json = JSON.stringify(this.#device.recvRtpCapabilities);
    await this.#request({ case: 'setRtpCapabilities', value: { json } }, 'done');
    this.#receive = await this.#transport(TransportDirection.RECEIVE);
    for (const producer of welcome.producers) await this.#consume(producer);
    await this.#publish();
  }

  async setLayers(spatialLayer: number): Promise<void> {
    for (const { id, kind } of this.consumers) {
      if (kind !== 'video') continue;
      const value = { consumerId: id, spatialLayer, temporalLayer: 2 };
      await this.#request({ case: 'setPreferredLayers', value }, 'done');
    }
  }

  async received(): Promise<Received[]> {
    return Promise.all(
      this.consumers.map(async (consumer) => {
        const stats = [...(await consumer.getStats()).values()] as Record<string, number | string>[];
        const inbound = stats.find((each) => each.type === 'inbound-rtp') ?? {};
        const pair = stats.find((each) => each.type === 'candidate-pair' && each.state === 'succeeded');
        const local = stats.find((each) => each.id === pair?.localCandidateId);
        return {
          kind: consumer.kind,
          packets: Number(inbound.packetsReceived ?? 0),
          frames: Number(inbound.framesDecoded ?? 0),
          width: Number(inbound.frameWidth ?? 0),
          energy: Number(inbound.totalAudioEnergy ?? 0),
          protocol: String(local?.protocol ?? ''),
        };
      }),
    );
  }

  async #publish(): Promise<void> {
    const send = await this.#transport(TransportDirection.SEND);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    const microphone = this.#options.isSpeaking ? voice() : stream.getAudioTracks()[0]!;
    const camera = stream.getVideoTracks()[0]!;
    await send.produce({ track: microphone, appData: { source: MediaSource.MICROPHONE } });
    await send.produce({
      track: camera,
      appData: { source: MediaSource.CAMERA },
      encodings: [{ scaleResolutionDownBy: 2, maxBitrate: 150_000 }, { maxBitrate: 600_000 }],
    });
  }

  async #transport(direction: TransportDirection): Promise<types.Transport> {
    const offer = await this.#request({ case: 'createTransport', value: { direction } }, 'transport');
    const candidates = JSON.parse(offer.iceCandidatesJson) as types.IceCandidate[];
    const { only } = this.#options;
    const options = {
      id: offer.transportId,
      iceParameters: JSON.parse(offer.iceParametersJson),
      iceCandidates: candidates.filter(({ protocol }) => !only || protocol === only),
      dtlsParameters: JSON.parse(offer.dtlsParametersJson),
    };
    const transport: types.Transport =
      direction === TransportDirection.SEND
        ? this.#device.createSendTransport(options)
        : this.#device.createRecvTransport(options);
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      const value = { transportId: transport.id, dtlsParametersJson: JSON.stringify(dtlsParameters) };
      this.#request({ case: 'connectTransport', value }, 'done').then(() => done(), failed);
    });
    transport.on('produce', ({ rtpParameters, appData }, done, failed) => {
      const source = appData.source as MediaSource;
      const value = { transportId: transport.id, source, rtpParametersJson: JSON.stringify(rtpParameters) };
      this.#request({ case: 'produce', value }, 'produced').then(({ producerId }) => done({ id: producerId }), failed);
    });
    return transport;
  }

  async #consume({ producerId }: ProducerInfo): Promise<void> {
    if (!this.#receive) return;
    const transportId = this.#receive.id;
    const offer = await this.#request({ case: 'consume', value: { transportId, producerId } }, 'consumed');
    const consumer = await this.#receive.consume({
      id: offer.consumerId,
      producerId,
      kind: offer.kind as types.MediaKind,
      rtpParameters: JSON.parse(offer.rtpParametersJson),
    });
    const element = document.createElement(consumer.kind as 'audio' | 'video');
    element.srcObject = new MediaStream([consumer.track]);
    document.body.append(element);
    void element.play();
    this.consumers.push(consumer);
    await this.#request({ case: 'resumeConsumer', value: { consumerId: consumer.id } }, 'done');
  }

  #onPush(body: ServerBody): void {
    if (body.case === 'producerAdded') void this.#consume(body.value);
    else if (body.case === 'activeSpeaker') this.speaker = body.value.number;
    else if (body.case === 'consumerLayers') this.layers.push(body.value.spatialLayer);
  }

  async #request<Case extends ServerCase>(body: ClientBody, expected: Case): Promise<BodyOf<Case>> {
    const requestId = ++this.#requestId;
    const answer = await new Promise<ServerBody | undefined>((resolve) => {
      if (this.closed) resolve(undefined);
      this.#waiting.set(requestId, resolve);
      this.#socket.send(toBinary(SfuClientFrameSchema, create(SfuClientFrameSchema, { requestId, body })));
    });
    if (answer?.case === expected) return answer.value as BodyOf<Case>;
    const why = answer?.case === 'failure' ? answer.value.code : (this.closed ?? answer?.case);
    throw new Error(`${body.case}: ${why}`);
  }
}

/** 300 Hz, swelling five times a second as syllables do. */
function voice(): MediaStreamTrack {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 300 });
  const swell = new OscillatorNode(context, { frequency: 5 });
  const loudness = new GainNode(context, { gain: 0.5 });
  swell.connect(loudness.gain);
  const destination = context.createMediaStreamDestination();
  tone.connect(loudness).connect(destination);
  tone.start();
  swell.start();
  return destination.stream.getAudioTracks()[0]!;
}

let member: PageMember | undefined;

const room = {
  async join(options: JoinOptions): Promise<void> {
    document.body.replaceChildren();
    member = new PageMember(options);
    await member.join();
  },
  setLayers: (spatialLayer: number) => member!.setLayers(spatialLayer),
  received: () => member!.received(),
  closed: () => member!.closed,
  layers: () => member!.layers,
  speaker: () => member!.speaker,
};
export type RoomPage = typeof room;
(globalThis as { room?: RoomPage }).room = room;
