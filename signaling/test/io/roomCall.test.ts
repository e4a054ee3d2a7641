import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type CallId,
  CallMode,
  EndReason,
  LIMITS,
  PATHS,
  ParticipantState,
  roomClaimsSchema,
  TOKEN,
} from '@carillon/protocol';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { Harness, newId } from './harness.ts';

describe('a group call', () => {
  const harness = new Harness();
  before(() => harness.start({ CARILLON_SFU_NODES: 'a=/sfu/v1/socket,b=wss://b.example/sfu/v1/socket' }));
  after(() => harness.end());

  async function joined() {
    const [alice, bob, carol] = [await harness.device(), await harness.device(), await harness.device()];
    const callId = newId<CallId>();
    const calleeAccountIds = [bob.accountId, carol.accountId];
    const state = await alice.want('state', { case: 'create', value: { callId, calleeAccountIds } });
    assert.equal(state.mode, CallMode.ROOM);
    for (const device of [bob, carol]) await device.want('state', { case: 'accept', value: { callId } });
    return { alice, bob, carol, callId };
  }

  async function keys(): Promise<JSONWebKeySet> {
    return (await fetch(`${harness.url}${PATHS.signaling.jwks}`)).json() as Promise<JSONWebKeySet>;
  }

  it('[CALL-14] hands out tickets to one node that verify by the JWKS', async () => {
    const { alice, bob, callId } = await joined();
    const first = await alice.want('room', { case: 'room', value: { callId } });
    const second = await bob.want('room', { case: 'room', value: { callId } });
    assert.equal(first.sfuUrl, second.sfuUrl);
    const jwks = await keys();
    assert.ok(jwks.keys.every((key) => key.d === undefined));
    const { payload } = await jwtVerify(second.ticket, createLocalJWKSet(jwks), {
      issuer: TOKEN.issuer.signaling,
      audience: TOKEN.audience.room,
    });
    const claims = roomClaimsSchema.parse(payload);
    assert.deepEqual([claims.sub, claims.dev, claims.room, claims.num], [bob.accountId, 1, callId, 2]);
    assert.ok(claims.exp <= Math.ceil(Date.now() / 1000) + 60);
    const other = await joined();
    const elsewhere = await other.alice.want('room', { case: 'room', value: { callId: other.callId } });
    assert.notEqual(elsewhere.sfuUrl, first.sfuUrl, 'the next room goes to the node with fewer');
    await alice.want('done', { case: 'hangUp', value: { callId } });
    await other.alice.want('done', { case: 'hangUp', value: { callId: other.callId } });
  });

  it('keeps its ticket key to itself', () => {
    assert.equal(statSync(join(harness.dir.path, 'signaling', 'ticket-key.json')).mode & 0o777, 0o600);
  });

  it('has no tickets for whoever is not in it', async () => {
    const { alice, callId } = await joined();
    const mallory = await harness.device();
    await assert.rejects(mallory.want('room', { case: 'room', value: { callId } }), /call-not-yours/);
    await alice.want('done', { case: 'hangUp', value: { callId } });
    await assert.rejects(alice.want('room', { case: 'room', value: { callId } }), /call-state/);
  });

  it('[CALL-3] tells everybody in it of every change, each by one revision more', async () => {
    const { alice, bob, carol, callId } = await joined();
    const dave = await harness.device();
    const before = await alice.want('state', { case: 'attach', value: { callId } });
    await alice.want('state', { case: 'invite', value: { callId, accountIds: [dave.accountId] } });
    await dave.want('state', { case: 'ring', value: { callId } });
    await dave.want('state', { case: 'accept', value: { callId } });
    await carol.want('done', { case: 'hangUp', value: { callId } });
    const last = await bob.next('state', ({ participants }) => participants[2]?.state === ParticipantState.LEFT);
    assert.equal(last.revision, before.revision + 4);
    assert.equal(last.participants[3]?.number, 4);
  });

  it('holds eight people', async () => {
    const { alice, callId } = await joined();
    const accountIds = Array.from({ length: LIMITS.callParticipantsMax - 3 + 1 }, () => newId());
    await assert.rejects(alice.want('state', { case: 'invite', value: { callId, accountIds } }), /call-full/);
    await alice.want('state', { case: 'invite', value: { callId, accountIds: accountIds.slice(1) } });
  });
});

describe('short bounds', () => {
  const harness = new Harness();
  before(() => harness.start({ CARILLON_SIGNALING_RING_SECONDS: '1', CARILLON_SIGNALING_RECONNECT_SECONDS: '1' }));
  after(() => harness.end());

  it('end what nobody answers, what is deserted, and what one is left alone in', async () => {
    const start = async (room: boolean) => {
      const [alice, bob] = [await harness.device(), await harness.device()];
      const callId = newId<CallId>();
      await alice.want('state', { case: 'create', value: { callId, calleeAccountIds: [bob.accountId], room } });
      await bob.want('state', { case: room ? 'accept' : 'ring', value: { callId } });
      return { alice, bob, callId };
    };
    const [unanswered, alone, deserted] = [await start(false), await start(true), await start(true)];
    await alone.bob.want('done', { case: 'hangUp', value: { callId: alone.callId } });
    await deserted.bob.leave();
    assert.equal((await unanswered.alice.next('ended')).reason, EndReason.EXPIRED);
    assert.equal((await unanswered.bob.next('ended')).reason, EndReason.EXPIRED);
    assert.equal((await alone.alice.next('ended')).reason, EndReason.HUNG_UP);
    await deserted.alice.next('state', ({ participants }) => participants[1]?.state === ParticipantState.LEFT);
    await deserted.alice.next('ended');
  });
});
