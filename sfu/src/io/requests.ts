// What each request frame means: from the wire to the room, and the answer back.
import { ProtocolError, type SfuClientFrame } from '@carillon/protocol';
import type { ConsumerAction, LinkId, ProducerAction } from '../core/roomTypes.ts';
import { directionFromWire, sourceFromWire } from './frames.ts';
import type { ServerBody } from './link.ts';
import {
  dtlsParametersSchema,
  parseMediaParameters,
  rtpCapabilitiesSchema,
  rtpParametersSchema,
} from './mediaParameters.ts';
import type { RoomRunner } from './roomRunner.ts';

const DONE: ServerBody = { case: 'done', value: {} };

/** @throws ProtocolError to refuse. */
export async function answer(room: RoomRunner, link: LinkId, { body }: SfuClientFrame): Promise<ServerBody> {
  const producer = async (producerId: string, action: ProducerAction) => {
    await room.apply({ type: 'producer-asked', link, producerId, action });
    return DONE;
  };
  const consumer = async (consumerId: string, action: ConsumerAction) => {
    await room.apply({ type: 'consumer-asked', link, consumerId, action });
    return DONE;
  };
  switch (body.case) {
    case 'setRtpCapabilities':
      room.setCapabilities(link, parseMediaParameters(body.value.json, rtpCapabilitiesSchema));
      return DONE;
    case 'createTransport': {
      const offer = await room.openTransport(link, directionFromWire(body.value.direction));
      return {
        case: 'transport',
        value: {
          transportId: offer.id,
          iceParametersJson: JSON.stringify(offer.iceParameters),
          iceCandidatesJson: JSON.stringify(offer.iceCandidates),
          dtlsParametersJson: JSON.stringify(offer.dtlsParameters),
        },
      };
    }
    case 'connectTransport': {
      const { transportId, dtlsParametersJson } = body.value;
      const parameters = parseMediaParameters(dtlsParametersJson, dtlsParametersSchema);
      await room.connectTransport(link, transportId, parameters);
      return DONE;
    }
    case 'restartIce': {
      const iceParameters = await room.restartIce(link, body.value.transportId);
      return { case: 'iceParameters', value: { json: JSON.stringify(iceParameters) } };
    }
    case 'produce': {
      const { transportId, source, rtpParametersJson } = body.value;
      const parameters = parseMediaParameters(rtpParametersJson, rtpParametersSchema);
      const producerId = await room.produce(link, transportId, sourceFromWire(source), parameters);
      return { case: 'produced', value: { producerId } };
    }
    case 'closeProducer':
      return producer(body.value.producerId, 'close');
    case 'pauseProducer':
      return producer(body.value.producerId, 'pause');
    case 'resumeProducer':
      return producer(body.value.producerId, 'resume');
    case 'consume': {
      const { transportId, producerId } = body.value;
      const { id, kind, rtpParameters } = await room.consume(link, transportId, producerId);
      const rtpParametersJson = JSON.stringify(rtpParameters);
      return { case: 'consumed', value: { consumerId: id, producerId, kind, rtpParametersJson } };
    }
    case 'resumeConsumer':
      return consumer(body.value.consumerId, 'resume');
    case 'pauseConsumer':
      return consumer(body.value.consumerId, 'pause');
    case 'closeConsumer':
      return consumer(body.value.consumerId, 'close');
    case 'requestKeyFrame':
      return consumer(body.value.consumerId, 'key-frame');
    case 'setPreferredLayers': {
      const { consumerId, spatialLayer, temporalLayer } = body.value;
      const layers = { spatial: spatialLayer, temporal: temporalLayer };
      await room.apply({ type: 'layers-wanted', link, consumerId, layers });
      return DONE;
    }
    case 'hello':
    case undefined:
      throw new ProtocolError('unknown-frame');
    default:
      return body satisfies never;
  }
}
