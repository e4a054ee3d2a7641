import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { lanAddresses, localNetworks } from '../src/lan.ts';

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

test('local networks include loopback once', () => {
  assert.deepEqual(localNetworks(interfaces).slice(0, 2), ['127.0.0.0/8', '127.0.0.1/8']);
});
