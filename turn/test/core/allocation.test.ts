import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AllocationState, CHANNEL_MS, lifetimeSeconds, PERMISSION_MS } from '../../src/core/allocation.ts';

const peer = { address: '127.0.0.1', port: 9 };

test('a permission ends after five minutes, a channel after ten', () => {
  const state = new AllocationState(Number.POSITIVE_INFINITY);
  assert.equal(state.bind(0x4000, peer, 0), 'bound');
  assert.ok(state.isPermitted(peer.address, PERMISSION_MS - 1));
  assert.ok(!state.isPermitted(peer.address, PERMISSION_MS));
  assert.ok(state.channelByNumber(0x4000, CHANNEL_MS - 1));
  assert.equal(state.pathFrom(peer.address, peer.port, CHANNEL_MS), undefined);
});

test('the way of a peer to the client follows every change of its permission and channel', () => {
  const state = new AllocationState(Number.POSITIVE_INFINITY);
  const way = (nowMs: number) => state.pathFrom(peer.address, peer.port, nowMs);
  assert.equal(way(0), undefined);
  state.permit([peer.address], 0);
  assert.equal(way(0)?.channel, undefined);
  assert.ok(way(PERMISSION_MS - 1));
  assert.equal(state.pathFrom(peer.address, 10, 0)?.channel, undefined);
  state.bind(0x4000, peer, 0);
  assert.equal(way(0)?.channel, 0x4000);
  assert.equal(state.pathFrom(peer.address, 10, 0)?.channel, undefined, 'another port has no channel');
  state.permit([peer.address], 400_000);
  assert.equal(way(CHANNEL_MS - 1)?.channel, 0x4000);
  assert.equal(way(CHANNEL_MS)?.channel, undefined, 'the channel ends before the permission');
  assert.ok(way(CHANNEL_MS));
  assert.equal(way(700_000), undefined);
  assert.equal(state.pathFrom('127.0.0.2', 9, 0), undefined);
});

test('a number has one peer and a peer one number, until they expire', () => {
  const state = new AllocationState(0);
  assert.equal(state.bind(0x4000, peer, 0), 'bound');
  assert.equal(state.bind(0x4000, peer, 1), 'bound');
  assert.equal(state.bind(0x4000, { ...peer, port: 10 }, 1), 'conflict');
  assert.equal(state.bind(0x4001, peer, 1), 'conflict');
  assert.equal(state.bind(0x4001, peer, 1 + CHANNEL_MS), 'bound');
});

test('[TURN-44] permissions are bounded, and those of a request are granted all or none', () => {
  const state = new AllocationState(0);
  for (let n = 0; n < 255; n++) assert.ok(state.permit([`1.2.3.${n}`], 0));
  assert.ok(!state.permit(['4.4.4.4', '5.5.5.5'], 0));
  assert.ok(!state.isPermitted('4.4.4.4', 0));
  assert.ok(state.permit(['4.4.4.4', '4.4.4.4', '1.2.3.1'], 0), 'what is named twice, or there already, needs no room');
  assert.ok(!state.permit(['5.5.5.5'], 0));
  assert.ok(state.permit(['5.5.5.5', '1.2.3.1'], PERMISSION_MS));
  assert.ok(!state.isPermitted('1.2.3.2', PERMISSION_MS));
});

test('lifetimes stay between ten minutes and an hour', () => {
  assert.deepEqual([undefined, 1, 700, 1e9].map(lifetimeSeconds), [600, 600, 700, 3600]);
});
