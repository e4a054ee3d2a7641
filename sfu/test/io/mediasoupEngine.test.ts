import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '@carillon/service';
import { MediasoupEngine } from '../../src/io/mediasoupEngine.ts';
import { locateWorker } from '../../worker/locate.ts';
import { noWorker } from '../runningSfu.ts';

test('a worker whose channel mediasoup has broken is replaced', { skip: noWorker }, async () => {
  const engine = await MediasoupEngine.start({
    workerBin: locateWorker()!.path,
    workers: 1,
    listenIp: '127.0.0.1',
    announced: [],
    rtcPort: 0,
    log: silentLog,
  });
  try {
    const lost = Promise.withResolvers<void>();
    const room = await engine.openRoom({ layersChanged() {}, loudest() {}, lost: lost.resolve });
    const { id } = await room.openTransport();
    // What the service's own checks never let through: it fails while a message is being built.
    const rtpParameters = {
      codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 111 }],
      encodings: [{ ssrc: 1, maxBitrate: 'x' }],
    };
    const bad = room.produce(id, { number: 1, source: 'microphone', kind: 'audio', rtpParameters });
    await assert.rejects(bad, { code: 'media-parameters' });
    await assert.rejects(room.openTransport(), { code: 'sfu-unavailable' });
    await lost.promise;
    assert.deepEqual(engine.problems(), ['1 of 1 media workers are not running']);
    while (engine.problems().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.openRoom({ layersChanged() {}, loudest() {}, lost() {} });
  } finally {
    engine.close();
  }
});
