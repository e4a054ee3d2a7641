import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AccountId, type CallId, type DeviceId, ERRORS, LIMITS, PROTOCOL_VERSION } from '@carillon/protocol';
import { generateKeyPair } from 'jose';
import { OUTBOXES_PER_ACCOUNT_MAX } from '../../src/core/outboxes.ts';
import { accessToken, type ClientBody, Device, Harness, newId } from './harness.ts';

describe('bad input', () => {
  const harness = new Harness();
  before(() => harness.start());
  after(async () => {
    // Whatever was thrown at it, the service still serves.
    await harness.device();
    await harness.end();
  });

  async function fresh(): Promise<Device> {
    const device = new Device(harness.url, newId(), 1 as DeviceId);
    harness.devices.push(device);
    await once(device.socket, 'open');
    return device;
  }

  for (const [what, code, token] of [
    ['expired', 'token-expired', () => accessToken(newId(), 1, { expiresInSeconds: -10 })],
    ['signed by a stranger', 'token-invalid', async () => accessToken(newId(), 1, await strangersKey())],
    ['for no device', 'token-invalid', () => accessToken(newId(), 0)],
    ['of no account', 'token-invalid', () => accessToken('alice', 1)],
    ['no token at all', 'token-invalid', async () => 'hello'],
  ] as const) {
    it(`[CALL-20] closes on a token that is ${what}`, async () => {
      const device = await fresh();
      device.send({ case: 'hello', value: { token: await token(), version: PROTOCOL_VERSION } });
      assert.deepEqual(await device.closed, { code: ERRORS[code].close, reason: code });
    });
  }

  async function strangersKey() {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
    return { key: privateKey };
  }

  it('closes on a request before the hello', async () => {
    const device = await fresh();
    device.send({ case: 'ring', value: { callId: newId() } });
    assert.equal((await device.closed).reason, 'hello-expected');
  });

  it('closes on what is no frame, and on what is too large', async () => {
    const [garbled, text, large] = [await harness.device(), await harness.device(), await harness.device()];
    garbled.socket.send(Buffer.from([0xff, 0xff, 0xff]));
    assert.equal((await garbled.closed).reason, 'malformed-frame');
    text.socket.send('hello');
    assert.equal((await text.closed).reason, 'malformed-frame');
    large.socket.send(Buffer.alloc(LIMITS.signalingFrameBytesMax + 1));
    assert.equal((await large.closed).code, 1009);
  });

  it('answers what it cannot serve by a code, and goes on', async () => {
    const device = await harness.device();
    const callId = newId<CallId>();
    const other = { accountId: newId(), deviceId: 1 };
    const sealed = new Uint8Array(1);
    const cases: [ClientBody, string][] = [
      [{ case: undefined }, 'unknown-frame'],
      [{ case: 'hello', value: {} }, 'invalid-request'],
      [{ case: 'create', value: { callId, calleeAccountIds: [] } }, 'invalid-request'],
      [{ case: 'create', value: { callId, calleeAccountIds: [device.accountId] } }, 'invalid-request'],
      [{ case: 'create', value: { callId, calleeAccountIds: ['bob'] } }, 'invalid-request'],
      [{ case: 'create', value: { callId: 'x', calleeAccountIds: [newId()] } }, 'invalid-request'],
      [{ case: 'create', value: { callId, calleeAccountIds: Array.from({ length: 8 }, newId) } }, 'invalid-request'],
      [{ case: 'ring', value: { callId } }, 'call-unknown'],
      [{ case: 'ring', value: {} }, 'invalid-request'],
      [{ case: 'accept', value: { callId } }, 'call-unknown'],
      [{ case: 'decline', value: { callId } }, 'call-unknown'],
      [{ case: 'hangUp', value: { callId } }, 'call-unknown'],
      [{ case: 'room', value: { callId } }, 'call-unknown'],
      [{ case: 'preconnect', value: { callId } }, 'call-unknown'],
      [{ case: 'update', value: { callId, video: true } }, 'call-unknown'],
      [{ case: 'attach', value: { callId, receivedSeq: 2n ** 63n } }, 'call-unknown'],
      [{ case: 'invite', value: { callId, accountIds: [] } }, 'invalid-request'],
      [{ case: 'invite', value: { callId, accountIds: [newId()] } }, 'call-unknown'],
      [{ case: 'relay', value: { callId, to: other, sealed } }, 'call-unknown'],
      [{ case: 'relay', value: { callId, sealed } }, 'invalid-request'],
      [{ case: 'relay', value: { callId, to: { ...other, deviceId: 0 }, sealed } }, 'invalid-request'],
      [{ case: 'relay', value: { callId, to: other } }, 'invalid-request'],
      [
        { case: 'relay', value: { callId, to: other, sealed: new Uint8Array(LIMITS.sealedSignalBytesMax + 1) } },
        'frame-too-large',
      ],
    ];
    for (const [body, code] of cases) {
      await assert.rejects(device.want('done', body), { message: code }, `${body?.case} is answered by ${code}`);
    }
  });

  it('[CALL-33] refuses a stranger everything, and every accept but the first', async () => {
    const [alice, bob, mallory] = [await harness.device(), await harness.device(), await harness.device()];
    const second = await harness.device(bob.accountId, 2);
    const callId = newId<CallId>();
    await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [bob.accountId] } });
    await bob.want('state', { case: 'accept', value: { callId } });
    const sealed = new Uint8Array(1);
    const requests: ClientBody[] = [
      { case: 'create', value: { callId, calleeAccountIds: [bob.accountId] } },
      ...(['ring', 'preconnect', 'accept', 'hangUp', 'room'] as const).map((name) => ({
        case: name,
        value: { callId },
      })),
      { case: 'attach', value: { callId } },
      { case: 'decline', value: { callId } },
      { case: 'update', value: { callId } },
      { case: 'invite', value: { callId, accountIds: [newId()] } },
      { case: 'relay', value: { callId, to: bob.address, sealed } },
    ];
    for (const body of requests) {
      await assert.rejects(mallory.want('done', body), { message: 'call-not-yours' }, `${body?.case} of a stranger`);
    }
    const accept: ClientBody = { case: 'accept', value: { callId } };
    await assert.rejects(second.want('state', accept), { message: 'answered-elsewhere' });
    // Its own reply may have been lost.
    const { participants } = await bob.want('state', accept);
    assert.deepEqual(
      participants.map(({ deviceId }) => deviceId),
      [1, 1],
    );
    assert.deepEqual(mallory.unasked, []);
  });

  it('[CALL-33] slows a flood of updates', async () => {
    const alice = await harness.device();
    const callId = newId<CallId>();
    await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [newId()] } });
    const asked = Array.from({ length: 350 }, (_, i) =>
      alice.ask({ case: 'update', value: { callId, video: i % 2 > 0 } }),
    );
    const refused = (await Promise.all(asked)).filter(({ body }) => body.case === 'failure');
    assert.ok(refused.length > 0);
    for (const { body } of refused) assert.ok(body.case === 'failure' && body.value.code === 'rate-limited');
  });

  it('[CALL-17] slows a flood of relays, and lets the call live', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const callId = newId<CallId>();
    await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [bob.accountId] } });
    await bob.want('state', { case: 'accept', value: { callId } });
    const value = { callId, to: bob.address, sealed: new Uint8Array(64) };
    const replies = await Promise.all(Array.from({ length: 400 }, () => alice.ask({ case: 'relay', value })));
    const refused = replies.filter(({ body }) => body.case === 'failure');
    assert.ok(refused.length >= 50 && refused.length <= 100, `${refused.length} of 400 refused`);
    for (const { body } of refused) {
      assert.ok(body.case === 'failure' && body.value.code === 'rate-limited' && body.value.retryAfterMs > 0);
    }
    await alice.want('state', { case: 'attach', value: { callId } });
  });

  it('bounds the calls of one account', async () => {
    const alice = await harness.device();
    const create = (): ClientBody => ({ case: 'create', value: { callId: newId(), calleeAccountIds: [newId()] } });
    for (let count = 0; count < 4; count++) await alice.want('state', create());
    await assert.rejects(alice.want('state', create()), { message: 'rate-limited' });
    const bob = await harness.device();
    const atOnce = await Promise.all(Array.from({ length: 12 }, () => bob.ask(create())));
    assert.equal(atOnce.filter(({ body }) => body.case === 'state').length, 4);
  });

  it('bounds how often one account calls', async () => {
    const alice = await harness.device();
    const once = async () => {
      const callId = newId<CallId>();
      await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [newId()] } });
      await alice.want('done', { case: 'hangUp', value: { callId } });
    };
    for (let count = 0; count < 30; count++) await once();
    await assert.rejects(once(), { message: 'rate-limited' });
  });

  it('[CALL-77] bounds the devices of an account that frames are kept for, and has a place for those that ring', async () => {
    const alice = await harness.device();
    const [callId, callee] = [newId<CallId>(), newId<AccountId>()];
    await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [callee] } });
    const relay = (deviceId: number) =>
      alice.want('done', {
        case: 'relay',
        value: { callId, to: { accountId: callee, deviceId }, sealed: new Uint8Array(1) },
      });
    for (let deviceId = 11; deviceId < 11 + OUTBOXES_PER_ACCOUNT_MAX; deviceId++) await relay(deviceId);
    await assert.rejects(relay(1), { message: 'device-unknown' });
    await relay(11);
    const bob = await harness.device(callee);
    await bob.want('state', { case: 'ring', value: { callId } });
    await relay(1);
    await bob.next('relayed');
  });
});

describe('a full server', () => {
  const harness = new Harness();
  before(() => harness.start({ CARILLON_SIGNALING_CALLS_MAX: '1', CARILLON_SIGNALING_OUTBOX_BYTES_MAX: '1024' }));
  after(() => harness.end());

  it('refuses more calls and more relayed bytes for a while', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const callId = newId<CallId>();
    const create = (id: CallId): ClientBody => ({
      case: 'create',
      value: { callId: id, calleeAccountIds: [bob.accountId] },
    });
    await alice.want('state', create(callId));
    await alice.want('state', create(callId));
    await assert.rejects(alice.want('state', create(newId())), { message: 'rate-limited' });
    const relay: ClientBody = { case: 'relay', value: { callId, to: bob.address, sealed: new Uint8Array(1024) } };
    await alice.want('done', relay);
    await assert.rejects(alice.want('done', relay), { message: 'rate-limited' });
    await bob.want('state', { case: 'accept', value: { callId } });
    await bob.next('relayed');
    await bob.want('state', { case: 'attach', value: { callId, receivedSeq: 1n } });
    await alice.want('done', relay);
  });

  it('remembers so many ended calls', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const calls = [newId<CallId>(), newId<CallId>()] as const;
    await harness.stop();
    await harness.start({ CARILLON_SIGNALING_CALLS_MAX: '1', CARILLON_DATA_DIR: join(harness.dir.path, 'other') });
    const [caller, callee] = [await harness.device(alice.accountId), await harness.device(bob.accountId)];
    for (const callId of calls) {
      await caller.want('state', { case: 'create', value: { callId, calleeAccountIds: [bob.accountId] } });
      await caller.want('done', { case: 'hangUp', value: { callId } });
    }
    for (const callId of calls) await callee.ask({ case: 'ring', value: { callId } });
    assert.deepEqual(
      callee.unasked.map(({ body }) => body.case === 'ended' && body.value.callId),
      [calls[1]],
    );
  });
});
