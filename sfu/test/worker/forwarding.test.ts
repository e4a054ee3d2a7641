// What a worker must do whichever way it was had: forward RTP unchanged.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { benched, H264_PARAMETERS, listenInfo, noWorker, opusParameters, rtpPacket } from './endpoints.ts';
import { headerLength } from './srtp.ts';

test(
  'worker: payloads pass unchanged and in order across the sequence wrap, and stop while paused',
  { skip: noWorker },
  benched(async (bench) => {
    const router = await bench.router();
    const input = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
    const producer = await input.produce({ kind: 'audio', rtpParameters: opusParameters(1111) });
    const output = await router.createPlainTransport({ listenInfo, rtcpMux: true });
    const [sender, receiver] = [await bench.udp(), await bench.udp()];
    await output.connect(receiver.address);
    const { rtpCapabilities } = router;
    const consumer = await output.consume({ producerId: producer.id, rtpCapabilities });
    const payloads = Array.from({ length: 300 }, (_, index) => randomBytes(80 + (index % 50)));
    const packet = (index: number, payload: Buffer) => rtpPacket({ sequence: 65_400 + index, ssrc: 1111, payload });
    await sender.send(
      input.tuple.localPort,
      payloads.map((payload, index) => packet(index, payload)),
    );
    const got = await receiver.received(payloads.length);
    const first = got[0]!.readUInt16BE(2);
    for (const [index, received] of got.entries()) {
      assert.ok(received.subarray(headerLength(received)).equals(payloads[index]!), `payload ${index}`);
      assert.equal(received.readUInt16BE(2), (first + index) & 0xffff);
      assert.equal(received.readUInt32BE(8), consumer.rtpParameters.encodings?.[0]?.ssrc);
    }
    await consumer.pause();
    const [lost, kept] = [randomBytes(80), randomBytes(80)];
    await sender.send(input.tuple.localPort, [packet(300, lost)]);
    // The worker takes commands and packets in turn: the statistics show it has come.
    while ((await producer.getStats())[0]?.packetCount !== 301);
    await consumer.resume();
    await sender.send(input.tuple.localPort, [packet(301, kept)]);
    const after = (await receiver.received(301)).at(-1)!;
    assert.ok(after.subarray(headerLength(after)).equals(kept));
  }),
);

for (const [mimeType, payloadType, encoder] of [
  ['video/VP8', 96, ['libvpx', '-deadline', 'realtime', '-cpu-used', '8']],
  ['video/H264', 97, ['libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline']],
] as const) {
  test(
    `worker: ${mimeType} of ffmpeg passes, and its key frames are seen`,
    { skip: noWorker },
    benched(async (bench) => {
      const router = await bench.router();
      const input = await router.createPlainTransport({ listenInfo, rtcpMux: false, comedia: true });
      const parameters = mimeType === 'video/H264' ? H264_PARAMETERS : {};
      const producer = await input.produce({
        kind: 'video',
        rtpParameters: {
          codecs: [{ mimeType, clockRate: 90_000, payloadType, parameters }],
          encodings: [{ ssrc: 2222 }],
        },
      });
      await producer.enableTraceEvent(['keyframe']);
      let keyFrames = 0;
      producer.on('trace', () => keyFrames++);
      const output = await router.createPlainTransport({ listenInfo, rtcpMux: true });
      const receiver = await bench.udp();
      await output.connect(receiver.address);
      const consumer = await output.consume({
        producerId: producer.id,
        rtpCapabilities: router.rtpCapabilities,
      });
      const target = `rtp://127.0.0.1:${input.tuple.localPort}?rtcpport=${input.rtcpTuple?.localPort}&pkt_size=1200`;
      const source = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=15', '-t', '1.5'];
      const coding = ['-c:v', ...encoder, '-b:v', '500k', '-g', '10', '-pix_fmt', 'yuv420p'];
      const stream = ['-f', 'rtp', '-payload_type', String(payloadType), '-ssrc', '2222', target];
      const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', ...source, ...coding, ...stream], { stdio: 'ignore' });
      assert.deepEqual(await once(ffmpeg, 'exit'), [0, null]);
      const sent = (await consumer.getStats()).find(({ type }) => type === 'outbound-rtp');
      assert.ok(sent && sent.packetCount > 20, `${sent?.packetCount} packets`);
      const { ssrc } = consumer.rtpParameters.encodings![0]!;
      await receiver.received(sent.packetCount);
      assert.ok(receiver.packets.filter((packet) => packet.readUInt32BE(8) === ssrc).length >= sent.packetCount * 0.9);
      assert.ok(keyFrames >= 1);
    }),
  );
}
