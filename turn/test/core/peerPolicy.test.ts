import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerPolicy } from '../../src/core/peerPolicy.ts';

const SPECIAL = [
  '127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
];

test('[TURN-5] special-purpose networks are refused, the internet is not', () => {
  const policy = new PeerPolicy([]);
  for (const address of SPECIAL) assert.equal(policy.permits(address), false, address);
  for (const address of ['1.1.1.1', '172.32.0.1', '9.255.255.255', '100.128.0.1'])
    assert.equal(policy.permits(address), true, address);
});

test('[TURN-5] what is configured is allowed, but never multicast or broadcast', () => {
  const policy = new PeerPolicy(['127.0.0.0/8', '0.0.0.0/0']);
  assert.equal(policy.permits('127.0.0.1'), true);
  for (const address of ['0.0.0.0', '224.0.0.251', '255.255.255.255'])
    assert.equal(policy.permits(address), false, address);
  assert.throws(() => new PeerPolicy(['home']), /'home' is no network/);
});
