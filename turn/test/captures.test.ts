// What Chromium and the relay said to each other once (fixtures/chromium.hex).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readXorAddress } from '../src/core/address.ts';
import { longTermKey } from '../src/core/credentials.ts';
import { StreamFrames } from '../src/core/streamFrames.ts';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, encodeStun, METHOD, verifyIntegrity } from '../src/core/stun.ts';
import { CHROMIUM_SECRET, recordedDatagrams } from './fixtures/chromium.ts';

const recorded = recordedDatagrams();
const messages = recorded.flatMap(({ from, bytes }) => {
  const message = decodeStun(bytes);
  return message ? [{ from, message }] : [];
});

test('[TURN-1] every datagram of Chromium is a message or ChannelData, and of each kind there is one', () => {
  for (const { bytes } of recorded) assert.ok(decodeStun(bytes) || (bytes[0]! & 0xc0) === 0x40);
  for (const method of Object.values(METHOD)) assert.ok(messages.some(({ message }) => message.method === method));
  assert.ok(recorded.length > messages.length, 'ChannelData');
});

test('[TURN-2] each request and reply that is signed verifies with the key of the credential', () => {
  const signed = messages.filter(({ message }) => message.integrity);
  assert.ok(signed.length >= 16);
  const request = signed.find(({ from }) => from === 'chromium')!.message;
  const username = String(attributeOf(request, ATTRIBUTE.username));
  const realm = String(attributeOf(request, ATTRIBUTE.realm));
  const key = longTermKey(CHROMIUM_SECRET, username, realm);
  for (const { message } of signed) {
    assert.ok(verifyIntegrity(message, key));
    assert.ok(!verifyIntegrity(message, longTermKey('another', username, realm)));
  }
});

test('messages come out of the encoder as they were, and their addresses are of loopback', () => {
  const key = longTermKey(CHROMIUM_SECRET, '4102444800:chromium', 'test');
  for (const { message } of messages) {
    const { attributes, method, transactionId, hasFingerprint } = message;
    const again = encodeStun({
      ...{ class: message.class, method, transactionId, attributes, fingerprint: hasFingerprint },
      key: message.integrity && key,
    });
    // Chromium pads with what it likes (RFC 8489 §14), which the signature covers: only lengths must agree.
    assert.equal(again.length, message.raw.length);
    if (message.class === CLASS.success) assert.deepEqual(again, Buffer.from(message.raw));
    for (const type of [ATTRIBUTE.xorPeerAddress, ATTRIBUTE.xorRelayedAddress, ATTRIBUTE.xorMappedAddress]) {
      const value = attributeOf(message, type);
      if (value) assert.equal(readXorAddress(value, transactionId)?.at.address, '127.0.0.1');
    }
  }
});

test('[TURN-11] as a stream they come apart again', () => {
  const whole = recorded.map(({ bytes }) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]));
  const frames = new StreamFrames();
  const got = whole.flatMap((bytes) => [...bytes].flatMap((byte) => frames.push(Buffer.from([byte])) ?? assert.fail()));
  assert.deepEqual(got, whole);
});
