// What devices say with seeded randomness, kept byte for byte: a change of format
// or of any derivation, which would cut off every session, group and list there
// is, is noticed here. The fixture was written by this code, once.
// After a deliberate change of format: CARILLON_REFREEZE=1 node --test <this file>.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type GroupId, utf8 } from '@carillon/protocol';
import {
  acceptDistribution,
  type CryptoProvider,
  createIdentity,
  createLinkCode,
  createSenderChain,
  distributionOf,
  nobleProvider,
  openFromLink,
  parseLinkCode,
  safetyCode,
  sealForLink,
  senderKeyDecrypt,
  senderKeyEncrypt,
  signDeviceList,
  signGroupChange,
  verifyDeviceList,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { addressOf, Device, type Sealed, seededProvider } from './pair.ts';

const FIXTURE = new URL('./fixtures/transcript.v2.json', import.meta.url);

const hex = (...parts: Uint8Array[]) => Buffer.concat(parts).toString('hex');

interface Line {
  readonly from: string;
  readonly kind: string;
  readonly plaintext: string;
  readonly ciphertext: string;
}

function talk(base: CryptoProvider): { bundle: string; lines: Line[] } {
  const alice = new Device('A', seededProvider('alice', base));
  const bob = new Device('Q', seededProvider('bob', base));
  const lines: Line[] = [];
  const say = (from: Device, plaintext: string): Sealed => {
    const sealed = from.seal(plaintext);
    const ciphertext = hex(sealed.ciphertext);
    lines.push({ from: from === alice ? 'alice' : 'bob', kind: sealed.kind, plaintext, ciphertext });
    return sealed;
  };
  alice.start(bob, 1);
  const first = say(alice, 'first');
  bob.open(alice, say(alice, 'second'));
  bob.open(alice, first);
  alice.open(bob, say(bob, 'answer'));
  bob.open(alice, say(alice, 'a new chain'));
  bob.open(alice, say(alice, ''));
  alice.open(bob, say(bob, 'and another'));
  bob.start(alice);
  alice.open(bob, say(bob, 'a new session without a one-time prekey'));
  bob.open(alice, say(alice, 'answered'));
  const { identityKey, signedPrekey, oneTimePrekey, kemPrekey } = bob.bundle(2);
  const bundle = [identityKey, signedPrekey.publicKey, signedPrekey.signature, oneTimePrekey!.publicKey];
  return { bundle: hex(...bundle, base.sha256(kemPrekey.publicKey), kemPrekey.signature), lines };
}

function groupTalk(base: CryptoProvider): { distribution: string; messages: string[] } {
  const provider = seededProvider('group', base);
  const context = { groupId: `g${'A'.repeat(22)}` as GroupId, sender: addressOf('A') };
  let chain = createSenderChain(provider);
  const { chainId, iteration, chainKey, signingKey } = distributionOf(chain);
  let states = acceptDistribution([], distributionOf(chain));
  const messages = ['to the group', 'and more', ''].map((words) => {
    const sealed = senderKeyEncrypt(provider, chain, context, utf8(words));
    chain = sealed.chain;
    const opened = senderKeyDecrypt(provider, states, context, sealed.message);
    states = opened.states;
    assert.deepEqual(opened.plaintext, utf8(words));
    return hex(sealed.message);
  });
  return { distribution: hex(chainId, Uint8Array.of(iteration), chainKey, signingKey), messages };
}

function linking(base: CryptoProvider): Record<string, string> {
  const provider = seededProvider('linking', base);
  const [primary, second] = [createIdentity(provider), createIdentity(provider)];
  const link = createLinkCode(provider, second, '0123456789abcdef0123456789abcdef');
  const sealed = sealForLink(provider, parseLinkCode(link.code), utf8('who the account is'));
  assert.deepEqual(openFromLink(provider, link, sealed), utf8('who the account is'));
  const { accountId } = addressOf('A');
  const list = signDeviceList(provider, primary, accountId, 7, [second.publicKey]);
  verifyDeviceList(provider, accountId, list);
  const safety = safetyCode(
    { accountId, identityKeys: [primary.publicKey] },
    { accountId: addressOf('Q').accountId, identityKeys: [second.publicKey] },
  );
  return {
    code: link.code,
    sealed: hex(sealed),
    identities: hex(...list.identityKeys),
    list: hex(list.signature),
    change: hex(signGroupChange(provider, second, utf8('an encoded change'))),
    safety,
  };
}

const transcript = (base: CryptoProvider) => ({
  talk: talk(base),
  group: groupTalk(base),
  linking: linking(base),
});

if (process.env.CARILLON_REFREEZE) writeFileSync(FIXTURE, `${JSON.stringify(transcript(nobleProvider), null, 1)}\n`);

test('[E2EE-8] the transcript kept in the fixture is made again, byte for byte, by both providers', () => {
  const frozen = JSON.parse(readFileSync(FIXTURE, 'utf8')) as unknown;
  assert.deepEqual(transcript(nobleProvider), frozen);
  assert.deepEqual(transcript(nativeProvider), frozen);
});
