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
  // What a cloud's own platform answers by, and relays that were never meant as peers.
  '100.100.100.200',
  '168.63.129.16',
  '192.88.99.1',
];

test('[TURN-5] special-purpose networks are refused, the internet is not', () => {
  const policy = new PeerPolicy([]);
  for (const address of SPECIAL) assert.equal(policy.permits(address), false, address);
  for (const address of ['1.1.1.1', '172.32.0.1', '9.255.255.255', '100.128.0.1', '168.63.129.17'])
    assert.equal(policy.permits(address), true, address);
});

test('[TURN-5] what is configured is allowed, but never multicast or broadcast', () => {
  const policy = new PeerPolicy(['127.0.0.0/8', '0.0.0.0/0']);
  assert.equal(policy.permits('127.0.0.1'), true);
  for (const address of ['0.0.0.0', '224.0.0.251', '255.255.255.255'])
    assert.equal(policy.permits(address), false, address);
  assert.throws(() => new PeerPolicy(['home']), /'home' is no network/);
});

const SPECIAL_IPV6 = [
  '::1',
  '::',
  'fe80::1',
  'fd00::1',
  'fc00::1',
  'fec0::1',
  'ff02::1',
  '2001:db8::1',
  '3fff::1',
  '2001::1',
  '100::1',
  '4000::1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::ffff:1.1.1.1',
  '::7f00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::1.1.1.1',
  '64:ff9b:1::1',
  '2002:7f00:1::',
  '2002:101:101::1',
  '2002:a9fe:a9fe::1',
];

test('[TURN-5] of IPv6 the special-purpose networks are refused, also those that lead to IPv4', () => {
  const policy = new PeerPolicy([]);
  for (const address of SPECIAL_IPV6) assert.equal(policy.permits(address), false, address);
  for (const address of ['2606:4700:4700::1111', '2a00:1450::1', '2003::1', '3ffe::1'])
    assert.equal(policy.permits(address), true, address);
});

test('[TURN-5] a translator that is allowed leads to no IPv4 peer that is not', () => {
  const policy = new PeerPolicy(['::/0', '192.168.0.0/16']);
  for (const address of ['::1', 'fd00::1', '64:ff9b::101:101', '64:ff9b::c0a8:1', '2002:101:101::1'])
    assert.equal(policy.permits(address), true, address);
  const refused = [
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:a00:1::1',
    '::a00:1',
    '::',
    'ff02::1',
    '::ffff:1.1.1.1',
  ];
  for (const address of refused) assert.equal(policy.permits(address), false, address);
});
