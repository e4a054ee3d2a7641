import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import type { types } from 'mediasoup';
import { benched, type Endpoint, listenInfo, noWorker, opusParameters, rtpPacket, until } from './endpoints.ts';

test(
  'worker: the observers tell who speaks; the first one added leads before anyone has',
  { skip: noWorker },
  benched(async (bench) => {
    const router = await bench.router();
    const dominant = await router.createActiveSpeakerObserver({ interval: 100 });
    const levels = await router.createAudioLevelObserver({ interval: 250, threshold: -80, maxEntries: 2 });
    const first = once(dominant, 'dominantspeaker');
    const speakers: { ssrc: number; producer: types.Producer; port: number; endpoint: Endpoint }[] = [];
    for (const ssrc of [71, 72]) {
      const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
      const producer = await transport.produce({ kind: 'audio', rtpParameters: opusParameters(ssrc) });
      await dominant.addProducer({ producerId: producer.id });
      await levels.addProducer({ producerId: producer.id });
      speakers.push({ ssrc, producer, port: transport.tuple.localPort, endpoint: await bench.udp() });
    }
    // The order of a hash map decides this one: the overlay's must be as the real one's.
    assert.equal((await first)[0].producer.id, speakers[0]!.producer.id);

    const second = once(dominant, 'dominantspeaker');
    const volumes = once(levels, 'volumes');
    let sequence = 0;
    const talk = setInterval(() => {
      for (const [index, { ssrc, port, endpoint }] of speakers.entries()) {
        // Words and short pauses: the observer takes a steady tone for noise.
        const isWord = index === 1 && sequence % 12 < 8;
        const level = isWord ? 8 + ((sequence * 7) % 20) : 120 - index * 50;
        void endpoint.send(port, [rtpPacket({ sequence, ssrc, payload: randomBytes(60), level })]);
      }
      sequence++;
    }, 20);
    try {
      assert.equal((await second)[0].producer.id, speakers[1]!.producer.id);
      assert.equal((await volumes)[0][0].producer.id, speakers[1]!.producer.id);
    } finally {
      clearInterval(talk);
    }
  }),
);

test(
  'worker: messages and RTP pass a DirectTransport in order',
  { skip: noWorker },
  benched(async (bench) => {
    const router = await bench.router();
    const transport = await router.createDirectTransport();
    const dataProducer = await transport.produceData({ label: 'a', protocol: 'b' });
    const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
    const messages: string[] = [];
    dataConsumer.on('message', (message) => messages.push(message.toString()));
    for (let index = 0; index < 50; index++) dataProducer.send(`m${index}`);
    await until('50 messages', () => messages[49], dataConsumer);
    assert.deepEqual(
      messages,
      Array.from({ length: 50 }, (_, index) => `m${index}`),
    );

    const producer = await transport.produce({ kind: 'audio', rtpParameters: opusParameters(81) });
    const { rtpCapabilities } = router;
    const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities });
    const payload = randomBytes(60);
    const received = once(consumer, 'rtp');
    producer.send(rtpPacket({ sequence: 1, ssrc: 81, payload }));
    assert.ok((await received)[0].subarray(-60).equals(payload));
  }),
);
