// All four SRTP suites both ways, against an implementation of our own: the
// offline build puts libsrtp 2 and OpenSSL where mediasoup expects libsrtp 3.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { benched, listenInfo, noWorker, opusParameters, rtpPacket } from './endpoints.ts';
import { headerLength, Srtp, SUITES, type Suite } from './srtp.ts';

const newKey = (suite: Suite) => randomBytes(SUITES[suite].key + SUITES[suite].salt).toString('base64');
const PAIRS: [Suite, Suite][] = [
  ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM'],
  ['AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_128_GCM'],
  ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_32'],
  ['AEAD_AES_256_GCM', 'AES_CM_128_HMAC_SHA1_80'],
];

for (const [inSuite, outSuite] of PAIRS) {
  test(
    `worker: SRTP ${inSuite} in, ${outSuite} out, forged and repeated packets dropped`,
    { skip: noWorker },
    benched(async (bench) => {
      const router = await bench.router();
      const [sender, receiver] = [await bench.udp(), await bench.udp()];
      const srtp = { listenInfo, rtcpMux: true, enableSrtp: true } as const;
      const input = await router.createPlainTransport({ ...srtp, comedia: true, srtpCryptoSuite: inSuite });
      const inKey = newKey(inSuite);
      await input.connect({ srtpParameters: { cryptoSuite: inSuite, keyBase64: inKey } });
      const producer = await input.produce({ kind: 'audio', rtpParameters: opusParameters(4444) });
      const output = await router.createPlainTransport({ ...srtp, srtpCryptoSuite: outSuite });
      const srtpParameters = { cryptoSuite: outSuite, keyBase64: newKey(outSuite) };
      await output.connect({ ...receiver.address, srtpParameters });
      await output.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
      const sealing = new Srtp(inSuite, inKey);
      const opening = new Srtp(outSuite, output.srtpParameters!.keyBase64);

      const payloads = Array.from({ length: 200 }, (_, index) => randomBytes(100 + index));
      const packets = payloads.map((payload, index) =>
        sealing.protect(rtpPacket({ sequence: 65_450 + index, ssrc: 4444, payload })),
      );
      const forged = Buffer.from(packets.at(-1)!);
      forged[forged.length - 1]! ^= 1;
      // The forged and the repeated one go before the last: it arrives, they must not have.
      const last = packets.pop()!;
      await sender.send(input.tuple.localPort, [...packets, forged, packets[100]!, last]);
      const got = await receiver.received(payloads.length);
      assert.equal(got.length, payloads.length);
      for (const [index, packet] of got.entries()) {
        const opened = opening.unprotect(packet);
        assert.ok(opened.subarray(headerLength(opened)).equals(payloads[index]!), `payload ${index}`);
        assert.ok(packet.indexOf(payloads[index]!.subarray(0, 16)) < 0, 'in the clear');
      }
    }),
  );
}

test(
  'worker: an SSRC may come again from an earlier sequence number once its producer is closed',
  { skip: noWorker },
  benched(async (bench) => {
    const router = await bench.router();
    const sender = await bench.udp();
    const suite = 'AEAD_AES_128_GCM';
    const keyBase64 = newKey(suite);
    const input = await router.createPlainTransport({
      listenInfo,
      rtcpMux: true,
      comedia: true,
      enableSrtp: true,
      srtpCryptoSuite: suite,
    });
    await input.connect({ srtpParameters: { cryptoSuite: suite, keyBase64 } });
    for (const start of [40_000, 1_000]) {
      const producer = await input.produce({ kind: 'audio', rtpParameters: opusParameters(4545) });
      const output = await router.createPlainTransport({ listenInfo, rtcpMux: true });
      const receiver = await bench.udp();
      await output.connect(receiver.address);
      await output.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
      const sealing = new Srtp(suite, keyBase64);
      const packets = Array.from({ length: 100 }, (_, index) =>
        sealing.protect(rtpPacket({ sequence: start + index, ssrc: 4545, payload: randomBytes(80) })),
      );
      await sender.send(input.tuple.localPort, packets);
      await receiver.received(100);
      producer.close();
    }
  }),
);
