import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnHost } from '../../src/core/ownHost.ts';

const host = new OwnHost({
  addresses: [
    { address: '10.0.0.5' },
    { address: '192.0.2.7' },
    { address: '198.51.100.7', inside: '10.0.0.5' },
    { address: '2001:db8::7' },
  ],
  isNamed: (address) => address === '192.0.2.7',
  isRelayed: ({ port }) => port === 50_000,
  peerPorts: [{ first: 7150, last: 7153 }],
});
host.listensOn(3478);

test('[TURN-34] of its own host a port is a peer that is relayed from, or meant to be', () => {
  const permits = (address: string, port: number) => host.permits({ address, port });
  for (const address of ['10.0.0.5', '198.51.100.7', '2001:db8::7']) {
    assert.deepEqual(
      [50_000, 50_001, 7149, 7150, 7153, 7154, 53, 3478].filter((port) => permits(address, port)),
      [50_000, 7150, 7153],
    );
  }
  assert.ok(permits('192.0.2.7', 53), 'named by the configuration');
  assert.ok(!permits('192.0.2.7', 3478), 'its own clients come in there, whatever is named');
  assert.ok(permits('203.0.113.1', 3478), 'another host');
});

test('[TURN-33] an address that a NAT has is reached inside, and what comes from there known by it', () => {
  assert.equal(host.inside({ address: '198.51.100.7', port: 50_000 }), '10.0.0.5');
  assert.equal(host.inside({ address: '198.51.100.7', port: 7150 }), '10.0.0.5');
  assert.equal(host.inside({ address: '198.51.100.7', port: 80 }), '198.51.100.7', 'maybe another host behind it');
  assert.equal(host.outside('10.0.0.5'), '198.51.100.7');
  assert.equal(host.inside({ address: '203.0.113.1', port: 50_000 }), '203.0.113.1');
  assert.equal(host.outside('203.0.113.1'), undefined);
});
