import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { remoteAddress } from '../../src/io/remoteAddress.ts';

function from(address: string, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { socket: { remoteAddress: address }, headers } as unknown as IncomingMessage;
}

test('only a trusted proxy says for whom it speaks, and only its last word counts', () => {
  assert.equal(remoteAddress(from('192.0.2.1', '198.51.100.7'), []), '192.0.2.1');
  assert.equal(remoteAddress(from('127.0.0.1', 'claimed, 198.51.100.7'), []), '198.51.100.7');
  assert.equal(remoteAddress(from('::ffff:127.0.0.1', '203.0.113.5, ::ffff:198.51.100.7'), []), '198.51.100.7');
  assert.equal(remoteAddress(from('127.0.0.1', '198.51.100.7, 192.0.2.1'), ['192.0.2.1']), '198.51.100.7');
  assert.equal(remoteAddress(from('127.0.0.1', 'not an address'), []), '127.0.0.1');
  assert.equal(remoteAddress(from('127.0.0.1'), []), '127.0.0.1');
});

test('an IPv6 customer counts as one', () => {
  const key = remoteAddress(from('2001:db8:0:1::5'), []);
  assert.equal(remoteAddress(from('2001:0db8::1:abcd:1:2:3'), []), key);
  assert.notEqual(remoteAddress(from('2001:db8:0:2::5'), []), key);
  assert.equal(remoteAddress(from('fe80::1%eth0'), []), 'fe80:0:0:0');
});
