import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesToBase64url } from '@carillon/protocol';
import fc from 'fast-check';
import {
  createIdentity,
  createLinkCode,
  E2eeError,
  nobleProvider,
  openFromLink,
  parseLinkCode,
  sealForLink,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { refused } from './pair.ts';

const LINK_ID = '0123456789abcdef0123456789abcdef';
const identity = createIdentity(nativeProvider);
const words = new TextEncoder().encode('account, handle, name, identity, list');

test('[E2EE-20] what is sealed for a link code opens on the device that showed it, and on no other', () => {
  for (const [newDevice, primary] of [
    [nobleProvider, nativeProvider],
    [nativeProvider, nobleProvider],
  ] as const) {
    const link = createLinkCode(newDevice, identity, LINK_ID);
    const code = parseLinkCode(`\n ${link.code} `);
    assert.deepEqual(code, { linkId: LINK_ID, key: link.keyPair.publicKey, identityKey: identity.publicKey });
    const sealed = sealForLink(primary, code, words);
    assert.deepEqual(openFromLink(newDevice, link, sealed), words);
    assert.notDeepEqual(sealForLink(primary, code, words), sealed);
    const other = createLinkCode(newDevice, identity, LINK_ID);
    assert.throws(() => openFromLink(newDevice, other, sealed), refused('bad-message'));
  }
});

test('[E2EE-20] an offer is bound to the link, to both keys and to the identity; any changed bit is refused', () => {
  const link = createLinkCode(nativeProvider, identity, LINK_ID);
  const code = parseLinkCode(link.code);
  const sealed = sealForLink(nativeProvider, code, words);
  for (const other of [
    { ...link, linkId: LINK_ID.replace('0', '1') },
    { ...link, identityKey: createIdentity(nativeProvider).publicKey },
  ])
    assert.throws(() => openFromLink(nativeProvider, other, sealed), refused('bad-message'));
  for (let bit = 0; bit < sealed.length * 8; bit += 5) {
    const changed = new Uint8Array(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => openFromLink(nativeProvider, link, changed), refused('bad-message'), `bit ${bit}`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(() => openFromLink(nativeProvider, link, bytes), refused('bad-message'));
    }),
  );
  assert.deepEqual(openFromLink(nativeProvider, link, sealed), words);
});

test('[E2EE-20] a code is taken in its one form only', () => {
  const { code } = createLinkCode(nativeProvider, identity, LINK_ID);
  const key = bytesToBase64url(new Uint8Array(32).fill(9));
  const id = bytesToBase64url(identity.publicKey);
  const written = (k: string, i: string, version = '1') =>
    `carillon:link?v=${version}&id=${LINK_ID}&key=${k}&identity=${i}`;
  parseLinkCode(written(key, id));
  for (const bad of [
    '',
    'https://example.org/',
    code.toUpperCase(),
    `${code}&more=1`,
    code.replace('carillon:', 'other:'),
    written(key, id, '2'),
    written(key.slice(1), id),
    written(key, bytesToBase64url(new Uint8Array(32))),
    written(key, bytesToBase64url(new Uint8Array(32).fill(0xff))),
    // The last character has two bits that must be zero.
    written(`${key.slice(0, -1)}l`, id),
    `carillon:link?v=1&key=${key}&id=${LINK_ID}&identity=${id}`,
    code.replace(LINK_ID, LINK_ID.toUpperCase()),
  ])
    assert.throws(() => parseLinkCode(bad), refused('bad-link-code'), bad);
  fc.assert(fc.property(fc.string(), (text) => assert.throws(() => parseLinkCode(text), E2eeError)));
});

test('[E2EE-20] low-order and non-canonical keys are refused on both sides', () => {
  const link = createLinkCode(nativeProvider, identity, LINK_ID);
  const code = parseLinkCode(link.code);
  const sealed = sealForLink(nativeProvider, code, words);
  const notCanonical = new Uint8Array(32).fill(0xff);
  for (const provider of [nobleProvider, nativeProvider]) {
    for (const key of [new Uint8Array(32), notCanonical, new Uint8Array(31)]) {
      assert.throws(() => sealForLink(provider, { ...code, key }, words), refused('bad-link-code'));
      const offer = new Uint8Array([...key, ...sealed.subarray(key.length)]);
      assert.throws(() => openFromLink(provider, link, offer), refused('bad-message'));
    }
  }
});

test('an offer says little by its length', () => {
  const code = parseLinkCode(createLinkCode(nativeProvider, identity, LINK_ID).code);
  assert.equal(
    sealForLink(nativeProvider, code, words).length,
    sealForLink(nativeProvider, code, words.subarray(1)).length,
  );
});
