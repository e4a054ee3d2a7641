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
  assert.equal(state.channelByPeer(peer.address, peer.port, CHANNEL_MS), undefined);
});

test('a number has one peer and a peer one number, until they expire', () => {
  const state = new AllocationState(0);
  assert.equal(state.bind(0x4000, peer, 0), 'bound');
  assert.equal(state.bind(0x4000, peer, 1), 'bound');
  assert.equal(state.bind(0x4000, { ...peer, port: 10 }, 1), 'conflict');
  assert.equal(state.bind(0x4001, peer, 1), 'conflict');
  assert.equal(state.bind(0x4001, peer, 1 + CHANNEL_MS), 'bound');
});

test('permissions are bounded', () => {
  const state = new AllocationState(0);
  for (let n = 0; n < 256; n++) assert.ok(state.permit(`1.2.3.${n}`, 0));
  assert.ok(!state.permit('4.4.4.4', 0));
  assert.ok(state.permit('4.4.4.4', PERMISSION_MS));
});

test('lifetimes stay between ten minutes and an hour', () => {
  assert.deepEqual([undefined, 1, 700, 1e9].map(lifetimeSeconds), [600, 600, 700, 3600]);
});
