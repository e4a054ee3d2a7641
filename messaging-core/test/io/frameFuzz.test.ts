// Bytes from outside against a running socket: random ones and broken real
// frames. Whatever they are, they are answered or end their own socket only.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { MessagingClientFrameSchema } from '@carillon/protocol';
import fc from 'fast-check';
import { oneTimePrekeys, TestDevice } from '../testDevice.ts';
import { creation, groupSendRequest, newAccountId, newGroupId, signed } from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { type RequestBody, sendRequest, TestSocket } from '../testSocket.ts';

/** A seed that failed may be given to run it again. */
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? randomInt(2 ** 31));

test(`[WIRE-3] hostile frames harm nobody else (CARILLON_FUZZ_SEED=${SEED})`, async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben', 5);
  const bystander = await ben.connect();
  const token = await ana.login();
  const deviceList = ana.identity.deviceList(ana.accountId, 1, [ben.identity]);
  const groupId = newGroupId();
  const groupChange = signed(ana, creation(ana, [ben], groupId));
  const bodies: RequestBody[] = [
    { case: 'hello', value: { token, version: 1 } },
    { case: 'send', value: sendRequest([ben.address]) },
    { case: 'ack', value: { seqs: [1n, 2n ** 63n] } },
    { case: 'fetchBundles', value: { accountId: ben.accountId, deviceIds: [1, 2] } },
    { case: 'findAccount', value: { handle: 'ben' } },
    {
      case: 'publishPrekeys',
      value: { oneTimePrekeys: oneTimePrekeys(2).map(({ id }) => ({ id, publicKey: new Uint8Array(32).fill(9) })) },
    },
    { case: 'publishPrekeys', value: { kemPrekeys: [{ id: 1, publicKey: new Uint8Array(1568) }] } },
    { case: 'offerLink', value: { linkId: 'a'.repeat(32), sealed: new Uint8Array(9), deviceList } },
    { case: 'removeDevice', value: { deviceId: 9, deviceList } },
    { case: 'listDevices', value: {} },
    { case: 'refreshToken', value: {} },
    { case: 'ping', value: {} },
    { case: 'createGroup', value: { change: groupChange } },
    { case: 'changeGroup', value: { change: groupChange } },
    { case: 'fetchGroup', value: { groupId } },
    { case: 'groupSend', value: groupSendRequest({ groupId, rosterRevision: 1, devicesRevision: 1n }) },
    { case: 'watchPresence', value: { accountId: ben.accountId, watch: true, presenceKey: new Uint8Array(16) } },
    { case: 'setPrivacy', value: { privacy: { presence: 2, presenceKeyDigest: new Uint8Array(32) } } },
    { case: 'setBlocked', value: { accountId: newAccountId(), blocked: true } },
    { case: 'setPushTarget', value: { service: 1, token: 'ab'.repeat(32) } },
  ];
  const frames = bodies.map((body, index) =>
    toBinary(MessagingClientFrameSchema, create(MessagingClientFrameSchema, { requestId: 500 + index, body })),
  );
  const broken = fc
    .record({
      frame: fc.constantFrom(...frames),
      at: fc.nat(),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
      how: fc.constantFrom('replace', 'insert', 'cut'),
    })
    .map(({ frame, at, bytes, how }) => {
      const cut = at % frame.length;
      if (how === 'cut') return frame.slice(0, cut);
      return new Uint8Array([
        ...frame.slice(0, cut),
        ...bytes,
        ...frame.slice(how === 'insert' ? cut : cut + bytes.length),
      ]);
    });
  const hostile = fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), broken), { minLength: 1, maxLength: 20 });

  await fc.assert(
    fc.asyncProperty(hostile, fc.boolean(), async (messages, signedIn) => {
      const socket = await TestSocket.open(server.url);
      if (signedIn) await socket.hello(token);
      for (const message of messages) socket.ws.send(message);
      // A pong, or the end: all of it has been read.
      const pong = new Promise((resolve) => socket.ws.once('pong', resolve));
      if (socket.ws.readyState === socket.ws.OPEN) socket.ws.ping();
      await Promise.race([pong, socket.closed]);
      await socket.close();
      await bystander.ack();
    }),
    { seed: SEED, numRuns: 150 },
  );
  const fine = await ana.connect();
  await fine.send(ben.address);
  assert.ok((await bystander.delivered(1)).length === 1);
});
