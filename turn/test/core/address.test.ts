import assert from 'node:assert/strict';
import { isIPv6, SocketAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv6Bytes, ipv6Text, readXorAddress, writeXorAddress } from '../../src/core/address.ts';

const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const ipv6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((n) => n.toString(16)).join(':'));

test('[TURN-12] an IPv6 address is named as sockets name it, and comes back from the wire', () => {
  fc.assert(
    fc.property(ipv6, fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.nat(65535), (text, id, port) => {
      const { address } = new SocketAddress({ address: text, family: 'ipv6' });
      const bytes = ipv6Bytes(text);
      assert.deepEqual(ipv6Bytes(address), bytes);
      // Sockets write the last 32 bits of ::/96 in the form of IPv4; no peer is there.
      if (!address.includes('.')) assert.equal(ipv6Text(bytes), address);
      const transaction = Buffer.from(id);
      const value = writeXorAddress({ address, port }, transaction);
      assert.deepEqual(readXorAddress(value, transaction), { family: 'ipv6', at: { address: ipv6Text(bytes), port } });
    }),
    { numRuns: 2_000 },
  );
});

test('a zone is no part of the address, and what is no address throws', () => {
  assert.deepEqual(ipv6Bytes('fe80::1%eth0'), ipv6Bytes('fe80::1'));
  assert.deepEqual(ipv6Bytes('::ffff:1.2.3.4'), Buffer.from('00000000000000000000ffff01020304', 'hex'));
  for (const text of ['', '1.2.3.4', '::g', '1::2::3', '1:2:3']) {
    assert.ok(!isIPv6(text));
    assert.throws(() => ipv6Bytes(text), /no IPv6 address/);
  }
});

test('what is neither 8 bytes of IPv4 nor 20 of IPv6 is no address', () => {
  const id = Buffer.alloc(12);
  for (const bytes of [[], [0, 1], [0, 1, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0, 0, 0]])
    assert.equal(readXorAddress(Buffer.from(bytes), id), undefined);
  assert.equal(readXorAddress(Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(18)]), id), undefined);
});
