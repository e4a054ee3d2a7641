import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { types } from 'mediasoup';
import { benched, listenInfo, noWorker, opusParameters, rtpPacket, until } from './endpoints.ts';

/** Resolves when both ends of the pipe have their SCTP association. */
function sctpConnected(routers: readonly types.Router[]): Promise<unknown> {
  return Promise.all(
    routers.map(
      (router) =>
        new Promise<void>((resolve) => {
          router.observer.on('newtransport', (transport) => {
            if (transport.type !== 'pipe') return;
            const pipe = transport as types.PipeTransport;
            pipe.on('sctpstatechange', (state) => state === 'connected' && resolve());
          });
        }),
    ),
  );
}

for (const enableSrtp of [false, true]) {
  test(
    `worker: RTP and SCTP pass a pipe between two workers${enableSrtp ? ', encrypted' : ''}`,
    { skip: noWorker },
    benched(async (bench) => {
      const [near, far] = [await bench.router(), await bench.router()];
      const connected = sctpConnected([near, far]);
      const input = await near.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
      const producer = await input.produce({ kind: 'audio', rtpParameters: opusParameters(6666) });
      const pipe = { router: far, enableSrtp, enableSctp: true, listenInfo };
      await near.pipeToRouter({ producerId: producer.id, ...pipe });
      const output = await far.createPlainTransport({ listenInfo, rtcpMux: true });
      const [sender, receiver] = [await bench.udp(), await bench.udp()];
      await output.connect(receiver.address);
      await output.consume({ producerId: producer.id, rtpCapabilities: far.rtpCapabilities });
      const packets = Array.from({ length: 100 }, (_, index) =>
        rtpPacket({ sequence: index, ssrc: 6666, payload: randomBytes(100) }),
      );
      await sender.send(input.tuple.localPort, packets);
      await receiver.received(100);

      const dataProducer = await (await near.createDirectTransport()).produceData({ label: 'chat' });
      await near.pipeToRouter({ dataProducerId: dataProducer.id, ...pipe });
      const dataConsumer = await (await far.createDirectTransport()).consumeData({ dataProducerId: dataProducer.id });
      const messages: Buffer[] = [];
      dataConsumer.on('message', (message) => messages.push(message));
      await connected;
      const large = randomBytes(100_000);
      for (let index = 0; index < 20; index++) dataProducer.send(`message ${index}`);
      dataProducer.send(large);
      await until('21 messages', () => messages[20], dataConsumer);
      assert.deepEqual(
        messages.slice(0, 20).map(String),
        Array.from({ length: 20 }, (_, index) => `message ${index}`),
      );
      assert.ok(messages[20]?.equals(large));
    }),
  );
}
