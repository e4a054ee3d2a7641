import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { lanAddresses, peerNetworks } from '../src/lan.ts';

const address = (ip: string, bits: number, internal = false): NetworkInterfaceInfo => ({
  address: ip,
  netmask: '255.255.255.0',
  family: 'IPv4',
  mac: '00:00:00:00:00:00',
  internal,
  cidr: `${ip}/${bits}`,
});
const interfaces = {
  lo: [address('127.0.0.1', 8, true)],
  docker0: [address('172.17.0.1', 16)],
  wlan0: [address('192.168.1.20', 24)],
  usb0: [address('169.254.3.3', 16)],
};

test('real networks come before virtual ones; link-local and loopback are left out', () => {
  assert.deepEqual(lanAddresses(interfaces), ['192.168.1.20', '172.17.0.1']);
});

test('[TURN-46] a relay on loopback has this machine for a peer, one in a private network such networks', () => {
  const all = {
    ...interfaces,
    lo: [...interfaces.lo, { ...address('::1', 128, true), family: 'IPv6' as const, scopeid: 0 }],
    eth0: [address('198.51.100.7', 24), { ...address('fe80::1', 64), family: 'IPv6' as const, scopeid: 2 }],
  };
  assert.deepEqual(peerNetworks('127.0.0.1', all), [
    '127.0.0.0/8',
    '172.17.0.1/32',
    '192.168.1.20/32',
    '198.51.100.7/32',
  ]);
  assert.deepEqual(peerNetworks('192.168.1.20', all), ['172.17.0.1/16', '192.168.1.20/24']);
});

test('[TURN-46] a relay at a public address, or at a name, has no peers but the internet', () => {
  for (const at of ['203.0.113.7', '172.32.0.1', '169.254.3.3', 'relay.example.org', '2001:db8::1'])
    assert.deepEqual(peerNetworks(at, interfaces), [], at);
});
