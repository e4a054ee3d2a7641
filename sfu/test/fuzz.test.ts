// Media parameters bent at random, against the real service and worker: each is
// taken or refused as `media-parameters`; nothing breaks, and no worker dies.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MediaSource, PATHS, ProtocolError, TransportDirection } from '@carillon/protocol';
import fc from 'fast-check';
import { parseMediaParameters, rtpParametersSchema } from '../src/io/mediaParameters.ts';
import { FrameClient, noWorker, type RunningSfu, startSfu } from './runningSfu.ts';

const RUNS = 150;
let sfu: RunningSfu;
before(async () => {
  if (!noWorker) sfu = await startSfu();
});
after(() => sfu?.close());

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const DTLS: Json = {
  role: 'auto',
  fingerprints: [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') }],
};
const RTP: Json = {
  mid: '0',
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 96,
      clockRate: 90_000,
      parameters: { a: 1 },
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
    { mimeType: 'video/rtx', payloadType: 97, clockRate: 90_000, parameters: { apt: 96 } },
  ],
  headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1, encrypt: false, parameters: {} }],
  encodings: [{ ssrc: 1, rtx: { ssrc: 2 }, scalabilityMode: 'L1T3', dtx: false, maxBitrate: 1000 }, { rid: 'h' }],
  rtcp: { cname: 'x', reducedSize: true, mux: true },
};
const CAPABILITIES: Json = {
  codecs: [
    {
      kind: 'video',
      mimeType: 'video/VP8',
      preferredPayloadType: 96,
      clockRate: 90_000,
      parameters: {},
      rtcpFeedback: [{ type: 'nack' }],
    },
  ],
  headerExtensions: [{ kind: 'video', uri: 'urn:3gpp:video-orientation', preferredId: 5, direction: 'sendrecv' }],
};

const leaf = fc.oneof(
  fc.constantFrom<Json>(null, true, -1, 0, 1e99, 2 ** 32, 1.5, '', 'video/', '__proto__', 'x'.repeat(300), [], {}),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

/** The value with what lies at one place, found by walking `path`, replaced. */
function bend(value: Json, path: readonly number[], by: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined || value === null || typeof value !== 'object') return by;
  const entries = Object.entries(value);
  if (entries.length === 0) return by;
  const [key, inner] = entries[step % entries.length]!;
  const bent = bend(inner as Json, rest, by);
  return Array.isArray(value) ? value.with(Number(key), bent) : { ...value, [key]: bent };
}

const bends = fc.array(fc.tuple(fc.array(fc.nat(20), { maxLength: 5 }), leaf), { minLength: 1, maxLength: 3 });
const bent = (value: Json, by: [number[], Json][]) =>
  JSON.stringify(by.reduce<Json>((sofar, [path, to]) => bend(sofar, path, to), value));

test('text that is no such JSON is refused by its code', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        assert.equal(typeof parseMediaParameters(text, rtpParametersSchema), 'object');
      } catch (error) {
        assert.equal(error instanceof ProtocolError && error.code, 'media-parameters');
      }
    }),
  );
});

test('[SFU-6] bent media parameters are taken or refused, and the worker lives', { skip: noWorker }, async () => {
  // A member's rate of requests is bounded: a fresh one for each run.
  let number = 0;
  await fc.assert(
    fc.asyncProperty(bends, bends, bends, async (dtls, rtp, capabilities) => {
      const client = await FrameClient.join(sfu, { num: ++number });
      try {
        const direction = TransportDirection.SEND;
        const created = await client.request({ case: 'createTransport', value: { direction } });
        const transportId = created.case === 'transport' ? created.value.transportId : assert.fail(created.case);
        const answers = await Promise.all([
          client.request({ case: 'connectTransport', value: { transportId, dtlsParametersJson: bent(DTLS, dtls) } }),
          client.request({
            case: 'produce',
            value: { transportId, source: MediaSource.CAMERA, rtpParametersJson: bent(RTP, rtp) },
          }),
          client.request({ case: 'setRtpCapabilities', value: { json: bent(CAPABILITIES, capabilities) } }),
        ]);
        for (const answer of answers)
          if (answer.case === 'failure') assert.equal(answer.value.code, 'media-parameters');
      } finally {
        client.close();
        await client.closed;
      }
    }),
    { numRuns: RUNS },
  );
  assert.equal((await fetch(`${sfu.service.url}${PATHS.sfu.health}`)).status, 200);
});
