import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ERRORS, LIMITS, MediaSource, PATHS, TOKEN, TransportDirection } from '@carillon/protocol';
import { type SfuStats, STATS_PATH } from '../src/index.ts';
import { FrameClient, noWorker, type RunningSfu, randomId, startSfu } from './runningSfu.ts';

const SEND = { case: 'createTransport', value: { direction: TransportDirection.SEND } } as const;
const RECEIVE = { case: 'createTransport', value: { direction: TransportDirection.RECEIVE } } as const;

const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':');
const dtlsParameters = JSON.stringify({ role: 'client', fingerprints: [{ algorithm: 'sha-256', value: fingerprint }] });
const opus = (ssrc: number) =>
  JSON.stringify({
    codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType: 111 }],
    encodings: [{ ssrc }],
    rtcp: { cname: 'x' },
  });
const vp8 = (encodings: unknown[]) =>
  JSON.stringify({ codecs: [{ mimeType: 'video/VP8', clockRate: 90000, payloadType: 96 }], encodings });

let sfu: RunningSfu;
before(async () => {
  if (!noWorker) sfu = await startSfu({ CARILLON_SFU_ROOM_MEMBERS_MAX: '3', CARILLON_SFU_ROOMS_MAX: '5' });
});
after(() => sfu?.close());

async function closeOf(token: string): Promise<string> {
  const client = new FrameClient(sfu);
  await client.opened();
  client.hello(token).catch(() => {});
  const { code, reason } = await client.closed;
  assert.equal(code, ERRORS[reason as keyof typeof ERRORS].close);
  return reason;
}

async function transportOf(client: FrameClient, request: typeof SEND | typeof RECEIVE): Promise<string> {
  const answer = await client.request(request);
  assert.equal(answer.case, 'transport');
  return answer.case === 'transport' ? answer.value.transportId : '';
}

async function producerOf(client: FrameClient, transportId: string, ssrc: number): Promise<string> {
  const answer = await client.request({
    case: 'produce',
    value: { transportId, source: MediaSource.MICROPHONE, rtpParametersJson: opus(ssrc) },
  });
  return answer.case === 'produced' ? answer.value.producerId : assert.fail(`answered ${answer.case}`);
}

test('[SFU-1] a ticket must be signed by signaling, for rooms, for this node, and not expired', {
  skip: noWorker,
}, async () => {
  const other = await startSfu();
  try {
    assert.equal(await closeOf('not a token'), 'ticket-invalid');
    assert.equal(await closeOf(await other.ticket()), 'ticket-invalid');
    assert.equal(await closeOf(await sfu.ticket({ node: 'node-b' })), 'ticket-invalid');
    assert.equal(await closeOf(await sfu.ticket({ aud: TOKEN.audience.access })), 'ticket-invalid');
    assert.equal(await closeOf(await sfu.ticket({ iss: TOKEN.issuer.messaging })), 'ticket-invalid');
    assert.equal(await closeOf(await sfu.ticket({ room: 'short' })), 'ticket-invalid');
    assert.equal(await closeOf(await sfu.ticket({ exp: Math.floor(Date.now() / 1000) - 1 })), 'ticket-expired');
  } finally {
    await other.close();
  }
});

test('[SFU-2] members hear of each other, and of nobody in other rooms', { skip: noWorker }, async () => {
  const room = randomId();
  const first = new FrameClient(sfu);
  const welcome = await first.hello(await sfu.ticket({ room, num: 1 }));
  assert.equal(welcome.case === 'welcome' && welcome.value.members.length, 0);
  const elsewhere = await FrameClient.join(sfu, { num: 2 });
  const second = new FrameClient(sfu);
  const seen = await second.hello(await sfu.ticket({ room, num: 2 }));
  assert.deepEqual(seen.case === 'welcome' && seen.value.members.map((member) => member.number), [1]);
  assert.equal((await first.expect('memberJoined')).number, 2);
  second.close();
  assert.equal((await first.expect('memberLeft')).number, 2);
  first.close();
  elsewhere.close();
});

test('[SFU-3] a second socket of the same participant replaces the first', { skip: noWorker }, async () => {
  const room = randomId();
  const sub = randomId();
  const old = await FrameClient.join(sfu, { room, sub, num: 1 });
  const fresh = await FrameClient.join(sfu, { room, sub, num: 1 });
  assert.deepEqual(await old.closed, { code: 4409, reason: 'replaced-by-new-connection' });
  assert.equal((await fresh.request(SEND)).case, 'transport');
  const again = await FrameClient.join(sfu, { room, sub, num: 2 });
  assert.equal((await fresh.closed).reason, 'replaced-by-new-connection');
  again.close();
});

test('[SFU-4] rooms and members are bounded', { skip: noWorker }, async () => {
  const small = await startSfu({ CARILLON_SFU_ROOM_MEMBERS_MAX: '2', CARILLON_SFU_ROOMS_MAX: '1' });
  try {
    await Promise.all([1, 2].map((num) => FrameClient.join(small, { num })));
    await assert.rejects(FrameClient.join(small, { num: 3 }), /4409 room-limit/);
    await assert.rejects(FrameClient.join(small, { num: 1, room: randomId() }), /4409 room-limit/);
  } finally {
    await small.close();
  }
});

test('[SFU-5] malformed, unknown, unsigned and oversized frames end or refuse, and harm nobody else', {
  skip: noWorker,
}, async () => {
  const witness = await FrameClient.join(sfu);
  const raw = async (data: string | Uint8Array<ArrayBuffer>) => {
    const client = new FrameClient(sfu);
    await client.opened();
    client.socket.send(data);
    return (await client.closed).code;
  };
  assert.equal(await raw('text'), ERRORS['malformed-frame'].close);
  assert.equal(await raw(new Uint8Array([0xff, 0xff, 0xff])), ERRORS['malformed-frame'].close);
  assert.equal(await raw(new Uint8Array([0x08, 0x01])), ERRORS['hello-expected'].close);
  assert.equal(await raw(new Uint8Array(LIMITS.sfuFrameBytesMax + 1)), 1009);
  assert.equal(await witness.refused({ case: undefined }), 'unknown-frame');
  assert.equal(await witness.refused({ case: 'hello', value: { token: 'x' } }), 'invalid-request');
  assert.equal((await witness.request(SEND)).case, 'transport');
  witness.close();
});

test('[SFU-6] bad media parameters are answered media-parameters', { skip: noWorker }, async () => {
  const client = await FrameClient.join(sfu, { room: randomId() });
  const transportId = await transportOf(client, SEND);
  const connect = (dtlsParametersJson: string) =>
    client.refused({ case: 'connectTransport', value: { transportId, dtlsParametersJson } });
  const produce = (source: MediaSource, rtpParametersJson: string) =>
    client.refused({ case: 'produce', value: { transportId, source, rtpParametersJson } });
  for (const bad of [
    '',
    '[]',
    'null',
    '{',
    '{}',
    '{"fingerprints":7}',
    '{"fingerprints":[{}]}',
    `{"a":"${'x'.repeat(40_000)}"}`,
  ]) {
    assert.equal(await connect(bad), 'media-parameters', bad.slice(0, 40));
  }
  const bads = [
    '{}',
    '{"codecs":{},"encodings":[]}',
    '{"codecs":[null],"encodings":[{"ssrc":1}]}',
    '{"codecs":[],"encodings":[{}]}',
    opus(1).replace('opus', 'PCMU'),
    opus(1).replace('"rtcp"', '"headerExtensions":[{"uri":7}],"rtcp"'),
    opus(1).replace('48000', '"fast"'),
    vp8([{ ssrc: 1 }]),
  ];
  for (const bad of bads) assert.equal(await produce(MediaSource.MICROPHONE, bad), 'media-parameters', bad);
  assert.equal(await produce(MediaSource.CAMERA, opus(1)), 'media-parameters');
  assert.equal(await produce(MediaSource.CAMERA, vp8([1, 2, 3, 4].map((ssrc) => ({ ssrc })))), 'media-parameters');
  assert.equal(await produce(MediaSource.UNSPECIFIED, opus(1)), 'invalid-request');
  assert.equal(await produce(99 as MediaSource, opus(1)), 'invalid-request');
  for (const json of ['', '{"codecs":7}', '{"codecs":[{"kind":"smell"}]}']) {
    assert.equal(await client.refused({ case: 'setRtpCapabilities', value: { json } }), 'media-parameters', json);
  }
  const direction = TransportDirection.UNSPECIFIED;
  assert.equal(await client.refused({ case: 'createTransport', value: { direction } }), 'invalid-request');
  assert.equal(
    (await client.request({ case: 'connectTransport', value: { transportId, dtlsParametersJson: dtlsParameters } }))
      .case,
    'done',
  );
  client.close();
});

test('[SFU-7] one transport each way, one producer a source, one consumer a producer', { skip: noWorker }, async () => {
  const room = randomId();
  const [a, b] = [await FrameClient.join(sfu, { room, num: 1 }), await FrameClient.join(sfu, { room, num: 2 })];
  const both = await Promise.all([a.request(SEND), a.request(SEND)]);
  assert.deepEqual(both.map((answer) => answer.case).sort(), ['failure', 'transport']);
  const transportId = await transportOf(a, SEND);
  const stale = both.find((answer) => answer.case === 'transport');
  const restart = {
    case: 'restartIce',
    value: { transportId: stale?.case === 'transport' ? stale.value.transportId : '' },
  } as const;
  assert.equal(await a.refused(restart), 'not-found');

  const producerId = await producerOf(a, transportId, 10);
  const again = {
    case: 'produce',
    value: { transportId, source: MediaSource.MICROPHONE, rtpParametersJson: opus(11) },
  } as const;
  assert.equal(await a.refused(again), 'room-limit');
  const added = await b.expect('producerAdded');
  assert.deepEqual([added.producerId, added.member?.number, added.source], [producerId, 1, MediaSource.MICROPHONE]);

  const receive = await transportOf(b, RECEIVE);
  const consume = { case: 'consume', value: { transportId: receive, producerId } } as const;
  assert.equal(await b.refused(consume), 'invalid-request');
  const welcome = await new FrameClient(sfu).hello(await sfu.ticket({ room, num: 3 }));
  const json = welcome.case === 'welcome' ? welcome.value.routerRtpCapabilitiesJson : '';
  assert.deepEqual(
    [...json.matchAll(/"mimeType":"([^"]+)"/g)].map((match) => match[1]),
    ['audio/opus', 'video/VP8', 'video/rtx'],
  );
  assert.equal((await b.request({ case: 'setRtpCapabilities', value: { json } })).case, 'done');
  const consumed = await b.request(consume);
  assert.equal(consumed.case === 'consumed' && consumed.value.kind, 'audio');
  assert.equal(await b.refused(consume), 'room-limit');
  const consumerId = consumed.case === 'consumed' ? consumed.value.consumerId : '';
  const layers = { case: 'setPreferredLayers', value: { consumerId, spatialLayer: 1, temporalLayer: 1 } } as const;
  assert.equal(await b.refused(layers), 'invalid-request');
  assert.equal((await b.request({ case: 'resumeConsumer', value: { consumerId } })).case, 'done');

  await a.request({ case: 'pauseProducer', value: { producerId } });
  assert.equal((await b.expect('producerChanged')).paused, true);
  a.close();
  assert.equal((await b.expect('producerClosed')).producerId, producerId);
  assert.equal(await b.refused({ case: 'resumeConsumer', value: { consumerId } }), 'not-found');
  b.close();
});

test('[SFU-8] nobody touches what belongs to another', { skip: noWorker }, async () => {
  const room = randomId();
  const [a, b] = [await FrameClient.join(sfu, { room, num: 1 }), await FrameClient.join(sfu, { room, num: 2 })];
  const transportId = await transportOf(a, SEND);
  const producerId = await producerOf(a, transportId, 20);
  const foreign = [
    { case: 'connectTransport', value: { transportId, dtlsParametersJson: dtlsParameters } },
    { case: 'restartIce', value: { transportId } },
    { case: 'produce', value: { transportId, source: MediaSource.CAMERA, rtpParametersJson: vp8([{ ssrc: 5 }]) } },
    { case: 'pauseProducer', value: { producerId } },
    { case: 'closeProducer', value: { producerId } },
    { case: 'consume', value: { transportId, producerId } },
    { case: 'requestKeyFrame', value: { consumerId: producerId } },
  ] as const;
  for (const request of foreign) assert.equal(await b.refused(request), 'not-found', request.case);
  const restarted = await a.request({ case: 'restartIce', value: { transportId } });
  assert.match(restarted.case === 'iceParameters' ? restarted.value.json : '', /usernameFragment/);
  a.close();
  b.close();
});

test('every announced address is offered as a candidate', { skip: noWorker }, async () => {
  const announced = await startSfu({
    CARILLON_SFU_LISTEN_IP: '0.0.0.0',
    CARILLON_SFU_ANNOUNCED: '192.0.2.1, calls.example',
  });
  try {
    const client = await FrameClient.join(announced);
    const answer = await client.request(SEND);
    const candidates = JSON.parse(answer.case === 'transport' ? answer.value.iceCandidatesJson : '[]') as {
      address: string;
      protocol: string;
      foundation: string;
    }[];
    assert.deepEqual(
      candidates.map(({ address, protocol }) => `${protocol} ${address}`),
      ['udp 192.0.2.1', 'tcp 192.0.2.1', 'udp calls.example', 'tcp calls.example'],
    );
    assert.equal(new Set(candidates.map(({ foundation }) => foundation)).size, 4);
  } finally {
    await announced.close();
  }
});

test('statistics are for callers on this machine, health for all', { skip: noWorker }, async () => {
  const client = await FrameClient.join(sfu, { room: randomId() });
  const stats = (await (await fetch(`${sfu.service.url}${STATS_PATH}`)).json()) as Record<string, unknown>;
  assert.ok(Number(stats.rooms) >= 1 && Number(stats.members) >= 1 && Array.isArray(stats.workers));
  const proxied = await fetch(`${sfu.service.url}${STATS_PATH}`, { headers: { 'x-forwarded-for': '192.0.2.9' } });
  assert.equal(proxied.status, 404);
  const health = await fetch(`${sfu.service.url}${PATHS.sfu.health}`);
  assert.deepEqual(await health.json(), { service: 'sfu', ok: true, problems: [] });
  client.close();
});

test('rooms spread over the workers', { skip: noWorker }, async () => {
  const two = await startSfu({ CARILLON_SFU_WORKERS: '2' });
  try {
    await Promise.all([1, 2].map(() => FrameClient.join(two, { room: randomId() })));
    const { workers } = (await (await fetch(`${two.service.url}${STATS_PATH}`)).json()) as SfuStats;
    assert.deepEqual(
      workers.map(({ rooms }) => rooms),
      [1, 1],
    );
  } finally {
    await two.close();
  }
});

test('an empty room is closed after its grace', { skip: noWorker }, async () => {
  const brief = await startSfu({}, { emptyGraceMs: 10 });
  const rooms = async () => ((await (await fetch(`${brief.service.url}${STATS_PATH}`)).json()) as SfuStats).rooms;
  try {
    const client = await FrameClient.join(brief);
    assert.equal(await rooms(), 1);
    client.close();
    await client.closed;
    while ((await rooms()) > 0);
  } finally {
    await brief.close();
  }
});
