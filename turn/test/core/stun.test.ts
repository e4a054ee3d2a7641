import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { readXorAddress, writeXorAddress } from '../../src/core/address.ts';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, encodeStun, METHOD, verifyIntegrity } from '../../src/core/stun.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

// RFC 5769 §2.1, with FINGERPRINT and short-term MESSAGE-INTEGRITY.
const SAMPLE_REQUEST = hex(`
  000100582112a442b7e7a701bc34d686fa87dfae
  802200105354554e207465737420636c69656e74
  002400046e0001ff80290008932ff9b151263b36
  00060009 6576746a3a683676592020 20
  000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf`);
// RFC 5769 §2.2.
const SAMPLE_IPV4_RESPONSE = hex(`
  0101003c2112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220
  002000080001a147e112a643
  000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96`);
// RFC 5769 §2.3.
const SAMPLE_IPV6_RESPONSE = hex(`
  010100482112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220
  002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c`);
// RFC 5769 §2.4, long-term credentials.
const SAMPLE_LONG_TERM = hex(`
  000100602112a44278ad3433c6ad72c029da412e
  00060012e3839ee38388e383aae38383e382af e382b90000
  0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473 41
  0014000b6578616d706c652e6f726700
  00080014f67024656dd64a3e02b8e0712e85c9a28ca89666`);
const SHORT_TERM_KEY = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt');

test('[TURN-1] RFC 5769 sample request: integrity and fingerprint hold', () => {
  const message = decodeStun(SAMPLE_REQUEST);
  assert.ok(message);
  assert.equal(message.method, METHOD.binding);
  assert.equal(message.class, CLASS.request);
  assert.ok(message.hasFingerprint);
  assert.ok(verifyIntegrity(message, SHORT_TERM_KEY));
  assert.ok(!verifyIntegrity(message, Buffer.from('another key')));
  // PRIORITY belongs to ICE; a TURN server does not know it.
  assert.deepEqual(message.unknown, [0x0024]);
});

test('[TURN-1] RFC 5769 sample IPv4 response: the mapped address', () => {
  const message = decodeStun(SAMPLE_IPV4_RESPONSE);
  assert.ok(message && verifyIntegrity(message, SHORT_TERM_KEY));
  const mapped = readXorAddress(attributeOf(message, ATTRIBUTE.xorMappedAddress)!, message.transactionId);
  assert.deepEqual(mapped, { family: 'ipv4', at: { address: '192.0.2.1', port: 32853 } });
});

test('[TURN-1] RFC 5769 sample IPv6 response: the mapped address', () => {
  const message = decodeStun(SAMPLE_IPV6_RESPONSE);
  assert.ok(message && verifyIntegrity(message, SHORT_TERM_KEY));
  const value = attributeOf(message, ATTRIBUTE.xorMappedAddress)!;
  const at = { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 };
  assert.deepEqual(readXorAddress(value, message.transactionId), { family: 'ipv6', at });
  assert.deepEqual(writeXorAddress(at, message.transactionId), Buffer.from(value));
});

test('[TURN-1] RFC 5769 long-term credentials', () => {
  const message = decodeStun(SAMPLE_LONG_TERM);
  assert.ok(message);
  const key = createHash('md5').update('マトリックス:example.org:TheMatrIX').digest();
  assert.ok(verifyIntegrity(message, key));
});

test('[TURN-1] what is truncated, longer than it says, or wrongly fingerprinted is no message', () => {
  for (let length = 0; length < SAMPLE_REQUEST.length; length++)
    assert.equal(decodeStun(SAMPLE_REQUEST.subarray(0, length)), undefined);
  assert.equal(decodeStun(Buffer.concat([SAMPLE_REQUEST, Buffer.alloc(4)])), undefined);
  for (let bit = 0; bit < SAMPLE_REQUEST.length * 8; bit++) {
    const flipped = Buffer.from(SAMPLE_REQUEST);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const message = decodeStun(flipped);
    // Without its FINGERPRINT (type flipped away) the integrity still has to hold.
    assert.ok(
      message === undefined || !message.hasFingerprint || !verifyIntegrity(message, SHORT_TERM_KEY),
      `bit ${bit}`,
    );
  }
});

test('[TURN-1] attributes behind MESSAGE-INTEGRITY are not believed', () => {
  const key = Buffer.from('key');
  const signed = encodeStun({
    class: CLASS.request,
    method: METHOD.createPermission,
    transactionId: Buffer.alloc(12),
    attributes: [],
    key,
  });
  const peer = writeXorAddress({ address: '10.0.0.1', port: 5 }, Buffer.alloc(12));
  const appended = Buffer.concat([signed, Buffer.from([0, 0x12, 0, 8]), peer]);
  appended.writeUInt16BE(appended.length - 20, 2);
  assert.equal(attributeOf(decodeStun(appended)!, ATTRIBUTE.xorPeerAddress), undefined);
});

test('encode and decode agree', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(METHOD)),
      fc.constantFrom(...Object.values(CLASS)),
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      (method, stunClass, transaction, data, fingerprint) => {
        const attributes = [{ type: ATTRIBUTE.data, value: Buffer.from(data) }];
        const key = Buffer.from('k');
        const raw = encodeStun({
          class: stunClass,
          method,
          transactionId: Buffer.from(transaction),
          attributes,
          key,
          fingerprint,
        });
        const message = decodeStun(raw);
        assert.ok(message && verifyIntegrity(message, key));
        assert.equal(message.method, method);
        assert.equal(message.class, stunClass);
        assert.deepEqual(Buffer.from(attributeOf(message, ATTRIBUTE.data)!), Buffer.from(data));
      },
    ),
  );
});

test('random and mutated bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, at) => {
      decodeStun(Buffer.from(bytes));
      const mutated = Buffer.from(SAMPLE_REQUEST);
      Buffer.from(bytes.subarray(0, 8)).copy(mutated, at % mutated.length);
      decodeStun(mutated);
    }),
    { numRuns: 5_000 },
  );
});
