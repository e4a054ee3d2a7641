import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type AccountId,
  type CallId,
  type DeviceId,
  EndReason,
  PATHS,
  ParticipantState,
  utf8,
} from '@carillon/protocol';
import { RedisServer } from '@carillon/service/testing';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { acceptedInOneTrip, accessJwks, Device, Harness, newId, temporaryDir } from '../harness.ts';

const LEASE_MS = 900;

describe('two nodes', () => {
  let redis: RedisServer;
  const [one, two] = [new Harness(), new Harness()];
  before(async () => {
    redis = await RedisServer.run();
    const env = { CARILLON_REDIS_URL: redis.url };
    await one.start({ ...env, CARILLON_NODE: 'one' });
    await two.start({ ...env, CARILLON_NODE: 'two' });
  });
  after(async () => {
    await one.end();
    await two.end();
    await redis.stop();
  });

  const create = (from: Device, to: AccountId, callId: CallId, room = false) =>
    from.want('state', { case: 'create', value: { callId, calleeAccountIds: [to], room } });
  const ring = (device: Device, callId: CallId) => device.want('state', { case: 'ring', value: { callId } });
  const accept = (device: Device, callId: CallId) => device.want('state', { case: 'accept', value: { callId } });
  const outcome = (reply: Promise<unknown>) =>
    reply.then(
      () => 'in',
      (error: Error) => error.message,
    );

  it('carry one call: what is relayed, who joins, and its end', async () => {
    const [alice, bob] = [await one.device(), await two.device()];
    const callId = newId<CallId>();
    await create(alice, bob.accountId, callId);
    const say = (from: Device, to: Device, words: string) =>
      from.want('done', { case: 'relay', value: { callId, to: to.address, sealed: utf8(words) } });
    await say(alice, bob, 'offer');
    await ring(bob, callId);
    assert.deepEqual((await bob.next('relayed')).sealed, utf8('offer'));
    assert.equal((await alice.next('state')).participants[1]?.state, ParticipantState.RINGING);
    await accept(bob, callId);
    assert.equal((await alice.next('state')).participants[1]?.state, ParticipantState.JOINED);
    for (let i = 0; i < 50; i++) void say(bob, alice, `candidate ${i}`);
    for (let i = 0; i < 50; i++) assert.deepEqual((await alice.next('relayed')).sealed, utf8(`candidate ${i}`));
    await bob.want('done', { case: 'hangUp', value: { callId } });
    assert.equal((await alice.next('ended')).reason, EndReason.HUNG_UP);
    await assert.rejects(accept(alice, callId), /call-unknown/);
  });

  it('[CALL-26] let one of two accepts at the same moment win, and the other device falls silent', async () => {
    for (let round = 0; round < 10; round++) {
      const alice = await one.device();
      const bobs = [await one.device(), await two.device(undefined, 2)];
      const account = bobs[0]!.accountId;
      const second = await two.device(account, 2);
      const callId = newId<CallId>();
      await create(alice, account, callId);
      const rings = [bobs[0]!, second];
      for (const bob of rings) await ring(bob, callId);
      const outcomes = await Promise.all(rings.map((bob) => outcome(accept(bob, callId))));
      assert.deepEqual(outcomes.toSorted(), ['answered-elsewhere', 'in']);
      const loser = rings[outcomes.indexOf('answered-elsewhere')]!;
      assert.equal((await loser.next('ended')).reason, EndReason.ACCEPTED_ELSEWHERE);
      const winner = rings[outcomes.indexOf('in')]!;
      const state = await alice.next('state', ({ participants }) => participants[1]?.state === ParticipantState.JOINED);
      assert.equal(state.participants[1]?.deviceId, winner.deviceId);
      for (const device of [alice, ...bobs, second]) await device.leave();
    }
  });

  it('[CALL-75] let the devices of either fall silent within one trip of an accept', async () => {
    const [alice, account] = [await one.device(), newId<AccountId>()];
    const rings: Device[] = [];
    for (const [i, node] of [one, two, one, two].entries()) rings.push(await node.device(account, i + 1));
    const callId = newId<CallId>();
    await create(alice, account, callId);
    for (const device of rings) await ring(device, callId);
    await alice.next('state', ({ participants }) => participants[1]?.state === ParticipantState.RINGING);
    await acceptedInOneTrip(callId, alice, rings[1]!, rings);
  });

  it('[CALL-79] let an account have no more calls than one of them alone does', async () => {
    const account = newId<AccountId>();
    const devices = await Promise.all([1, 2, 3, 4, 5].map((id) => (id % 2 ? one : two).device(account, id)));
    const create = (device: Device) =>
      device.ask({ case: 'create', value: { callId: newId(), calleeAccountIds: [newId()] } });
    const replies = await Promise.all(devices.flatMap((device) => [create(device), create(device)]));
    assert.equal(replies.filter(({ body }) => body.case === 'state').length, 4);
  });

  it('[CALL-29] settle glare that neither of them sees alone', async () => {
    for (let round = 0; round < 10; round++) {
      const [alice, bob] = [await one.device(), await two.device()];
      const [lower, higher] = [newId<CallId>(), newId<CallId>()].sort() as [CallId, CallId];
      const [mine, theirs] = round % 2 ? [lower, higher] : [higher, lower];
      await Promise.all([create(alice, bob.accountId, mine), create(bob, alice.accountId, theirs)]);
      const loser = mine === higher ? alice : bob;
      const ended = await loser.next('ended');
      assert.deepEqual([ended.callId, ended.reason], [higher, EndReason.CANCELLED]);
      await accept(loser, lower);
      for (const device of [alice, bob]) await device.leave();
    }
  });

  it('replace the older socket of a device wherever it is, and its loss is no loss', async () => {
    const [alice, bob] = [await one.device(), await one.device()];
    const callId = newId<CallId>();
    await create(alice, bob.accountId, callId);
    await accept(bob, callId);
    const moved = await two.device(alice.accountId, 1);
    assert.equal((await alice.closed).reason, 'replaced-by-new-connection');
    await moved.want('state', { case: 'attach', value: { callId } });
    await bob.want('done', { case: 'relay', value: { callId, to: moved.address, sealed: utf8('still there') } });
    assert.deepEqual((await moved.next('relayed')).sealed, utf8('still there'));
    await moved.want('done', { case: 'hangUp', value: { callId } });
  });

  it('[CALL-30] hand out tickets that verify by each other’s JWKS', async () => {
    const alice = await one.device();
    const callId = newId<CallId>();
    await create(alice, newId(), callId, true);
    const { ticket } = await alice.want('room', { case: 'room', value: { callId } });
    const jwks = (await (await fetch(`${two.url}${PATHS.signaling.jwks}`)).json()) as JSONWebKeySet;
    assert.ok(jwks.keys.every((key) => !('d' in key)));
    const { payload } = await jwtVerify(ticket, createLocalJWKSet(jwks));
    assert.equal(payload.sub, alice.accountId);
  });

  it('wait for a Redis that stands still for a moment, and go on', async () => {
    const [alice, bob] = [await one.device(), await two.device()];
    const callId = newId<CallId>();
    await create(alice, bob.accountId, callId);
    await accept(bob, callId);
    const goOn = redis.pause();
    const waiting = alice.want('done', { case: 'relay', value: { callId, to: bob.address, sealed: utf8('patience') } });
    setTimeout(goOn, 500);
    await waiting;
    assert.deepEqual((await bob.next('relayed')).sealed, utf8('patience'));
  });
});

describe('[CALL-31] a node that is killed', { concurrency: true }, () => {
  let redis: RedisServer;
  const survivor = new Harness();
  const dir = temporaryDir();
  const env = { CARILLON_SIGNALING_RING_SECONDS: '9', CARILLON_SIGNALING_RECONNECT_SECONDS: '5' };
  let end = async () => {};
  let calls: Scene[] = [];
  let receivedSeq = 0n;
  let gone: Promise<{ readonly reason: EndReason }>;

  /** Somebody calls; the caller, the callee or both are at the node that will be killed. */
  interface Scene {
    readonly alice: Device;
    readonly bob: Device;
    readonly callId: CallId;
  }

  const create = (from: Device, to: Device, callId: CallId) =>
    from.want('state', { case: 'create', value: { callId, calleeAccountIds: [to.accountId] } });
  const attach = (device: Device, callId: CallId, receivedSeq = 0n) =>
    device.want('state', { case: 'attach', value: { callId, receivedSeq } });
  const accept = (device: Device, callId: CallId) => device.want('state', { case: 'accept', value: { callId } });
  const say = ({ callId, alice, bob }: Scene, words: string) =>
    bob.want('done', { case: 'relay', value: { callId, to: alice.address, sealed: utf8(words) } });

  async function scene(alice: Promise<Device>, bob: Promise<Device>, isAnswered: boolean): Promise<Scene> {
    const made: Scene = { alice: await alice, bob: await bob, callId: newId() };
    await create(made.alice, made.bob, made.callId);
    if (isAnswered) await accept(made.bob, made.callId);
    else await made.bob.want('state', { case: 'ring', value: { callId: made.callId } });
    return made;
  }

  before(async () => {
    redis = await RedisServer.run();
    const shared = { ...env, CARILLON_REDIS_URL: redis.url };
    await survivor.start({ ...shared, CARILLON_NODE: 'survivor' }, { leaseMs: LEASE_MS });
    const child = fork(
      fileURLToPath(new URL('./nodeProcess.ts', import.meta.url)),
      [JSON.stringify(accessJwks), `${LEASE_MS}`],
      {
        env: { ...process.env, ...shared, CARILLON_DATA_DIR: dir.path, CARILLON_NODE: 'victim' },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
    const exited = once(child, 'exit');
    end = async () => {
      child.kill('SIGKILL');
      await exited;
    };
    const [url] = (await once(child, 'message')) as [string];
    const here = async () => {
      const opened = new Device(url, newId<AccountId>(), 1 as DeviceId);
      await opened.hello();
      return opened;
    };
    const there = () => survivor.device();
    calls = await Promise.all([
      scene(here(), there(), false),
      scene(here(), there(), false),
      scene(here(), here(), false),
      scene(here(), there(), true),
      scene(there(), here(), true),
    ]);
    await say(calls[3]!, 'before');
    receivedSeq = (await calls[3]!.alice.next('relayed')).seq;
    gone = calls[4]!.alice.next('ended');
    await end();
  });
  after(async () => {
    await end();
    await survivor.end();
    await redis.stop();
    dir.remove();
  });

  it('while a call of its caller rings: it goes on with whoever comes back', async () => {
    const { alice, bob, callId } = calls[0]!;
    const again = await survivor.device(alice.accountId);
    await attach(again, callId);
    await accept(bob, callId);
    await again.next('state', ({ participants }) => participants[1]?.state === ParticipantState.JOINED);
    await bob.want('done', { case: 'hangUp', value: { callId } });
    assert.equal((await again.next('ended')).reason, EndReason.HUNG_UP);
  });

  it('while a call of its caller rings, who stays away: it stops ringing', async () => {
    assert.ok([EndReason.CANCELLED, EndReason.EXPIRED].includes((await calls[1]!.bob.next('ended')).reason));
  });

  it('with the deadline of a ring: another sees to it', async () => {
    const { alice, bob, callId } = calls[2]!;
    const again = await survivor.device(alice.accountId);
    await attach(again, callId);
    assert.equal((await again.next('ended')).reason, EndReason.EXPIRED);
    const late = await survivor.device(bob.accountId);
    await assert.rejects(attach(late, callId), /call-unknown/);
    assert.equal((await late.next('ended')).reason, EndReason.EXPIRED);
  });

  it('in a call: who comes back goes on where it was', async () => {
    const { alice, callId } = calls[3]!;
    await say(calls[3]!, 'meanwhile');
    const again = await survivor.device(alice.accountId);
    const state = await attach(again, callId, receivedSeq);
    assert.deepEqual(
      state.participants.map(({ number }) => number),
      [1, 2],
    );
    assert.deepEqual((await again.next('relayed')).sealed, utf8('meanwhile'));
    // By the end of another call the time of the seat that died would be over.
    await gone;
    await say(calls[3]!, 'after');
    assert.deepEqual((await again.next('relayed')).sealed, utf8('after'));
    await again.want('done', { case: 'hangUp', value: { callId } });
  });

  it('in a call: who stays away is out after the bound', async () => {
    assert.equal((await gone).reason, EndReason.CONNECTION_LOST);
  });
});
