// The ratchet's core under a profile that has nothing of ours: other labels, CBC
// and a truncated HMAC instead of an AEAD, another header. That both run on the
// same code is what makes the core testable against other implementations.
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { test } from 'node:test';
import { concatBytes, utf8 } from '@carillon/protocol';
import {
  deriveAgreed,
  E2eeError,
  initiatorAgreements,
  initiatorRatchet,
  openInChain,
  type ProtocolProfile,
  type RatchetMessage,
  ratchetDecrypt,
  ratchetEncrypt,
  responderAgreements,
  responderRatchet,
  type SenderKeyMessage,
  type SenderKeyStates,
  sealInChain,
} from '../../src/e2ee/core.ts';
import { createSenderChain } from '../../src/e2ee/index.ts';
import { nativeProvider as provider } from '../../src/e2ee/native.ts';
import { refused } from './pair.ts';

const ZERO_SALT = new Uint8Array(32);
const HEADER_BYTES = 40;
const MAC_BYTES = 8;

function cbc(messageKey: Uint8Array, info: string) {
  const output = provider.hkdfSha256(messageKey, ZERO_SALT, utf8(info), 80);
  const [key, mac, iv] = [output.slice(0, 32), output.slice(32, 64), output.slice(64)];
  return {
    seal(plaintext: Uint8Array) {
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      return concatBytes(cipher.update(plaintext), cipher.final());
    },
    open(body: Uint8Array) {
      const decipher = createDecipheriv('aes-256-cbc', key, iv);
      return concatBytes(decipher.update(body), decipher.final());
    },
    mac: (data: Uint8Array) => provider.hmacSha256(mac, data).slice(0, MAC_BYTES),
  };
}

const other: ProtocolProfile<Uint8Array, string> = {
  agreementInfo: utf8('Other agreement'),
  ratchet: {
    rootInfo: utf8('Other ratchet'),
    sealMessage(_, messageKey, session, { dh, pn, n }, plaintext) {
      const counters = new DataView(new ArrayBuffer(8));
      counters.setUint32(0, n);
      counters.setUint32(4, pn);
      const { seal, mac } = cbc(messageKey, 'Other message');
      const unsigned = concatBytes(new Uint8Array(counters.buffer), dh, seal(plaintext));
      return concatBytes(unsigned, mac(concatBytes(session, unsigned)));
    },
    openMessage(_, messageKey, session, { headerBytes, body }) {
      const { open, mac } = cbc(messageKey, 'Other message');
      const ciphertext = body.subarray(0, -MAC_BYTES);
      const expected = mac(concatBytes(session, headerBytes, ciphertext));
      if (Buffer.compare(expected, body.subarray(-MAC_BYTES)) !== 0) throw new E2eeError('bad-message', 'the MAC');
      return open(ciphertext);
    },
  },
  senderKey: {
    sealMessage: (_, messageKey, __, { iteration }, plaintext) =>
      concatBytes(Uint8Array.of(iteration), cbc(messageKey, 'Other group').seal(plaintext)),
    signedBytes: (group, unsigned) => concatBytes(utf8(group), unsigned),
    openMessage: (_, messageKey, __, { body }) => cbc(messageKey, 'Other group').open(body),
  },
};

function split(bytes: Uint8Array): RatchetMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    header: { n: view.getUint32(0), pn: view.getUint32(4), dh: new Uint8Array(bytes.subarray(8, HEADER_BYTES)) },
    headerBytes: bytes.subarray(0, HEADER_BYTES),
    body: bytes.subarray(HEADER_BYTES),
  };
}

const keyPair = () => provider.x25519KeyPair(provider.randomBytes(32));

test('[E2EE-24] agreement and ratchet run under another profile, with and without a KEM', () => {
  for (const withKem of [false, true]) {
    const [identityA, ephemeral, identityB, signedPrekey, oneTimePrekey] = Array.from({ length: 5 }, keyPair) as [
      ReturnType<typeof keyPair>,
      ReturnType<typeof keyPair>,
      ReturnType<typeof keyPair>,
      ReturnType<typeof keyPair>,
      ReturnType<typeof keyPair>,
    ];
    const agreedA = initiatorAgreements(
      provider,
      { identity: identityA.privateKey, ephemeral: ephemeral.privateKey },
      {
        identity: identityB.publicKey,
        signedPrekey: signedPrekey.publicKey,
        oneTimePrekey: oneTimePrekey.publicKey,
      },
    );
    const agreedB = responderAgreements(
      provider,
      {
        identity: identityB.privateKey,
        signedPrekey: signedPrekey.privateKey,
        oneTimePrekey: oneTimePrekey.privateKey,
      },
      { identity: identityA.publicKey, ephemeral: ephemeral.publicKey },
    );
    assert.deepEqual(agreedA, agreedB);
    const secrets = [agreedA, agreedB].map((agreed) =>
      deriveAgreed(provider, other.agreementInfo, agreed, withKem ? new Uint8Array(32).fill(7) : undefined, 64),
    ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
    assert.deepEqual(secrets[0], secrets[1]);

    const session = concatBytes(identityA.publicKey, identityB.publicKey);
    let alice = initiatorRatchet(secrets[0].slice(0, 32), signedPrekey.publicKey);
    let bob = responderRatchet(secrets[1].slice(0, 32), signedPrekey);
    for (const words of ['one', 'two', 'three']) {
      const sent = ratchetEncrypt(provider, other.ratchet, alice, session, utf8(words));
      const opened = ratchetDecrypt(provider, other.ratchet, bob, session, split(sent.message));
      assert.deepEqual(opened.plaintext, utf8(words));
      const forged = split(sent.message.with(-1, sent.message.at(-1)! ^ 1));
      assert.throws(() => ratchetDecrypt(provider, other.ratchet, bob, session, forged), refused('bad-message'));
      [alice, bob] = [sent.state, opened.state];
      const answer = ratchetEncrypt(provider, other.ratchet, bob, session, utf8('answer'));
      alice = ratchetDecrypt(provider, other.ratchet, alice, session, split(answer.message)).state;
      bob = answer.state;
    }
  }
});

test('[E2EE-24] sender keys run under another profile', () => {
  let chain = createSenderChain(provider);
  const { chainId, chainKey, signing } = chain;
  let states: SenderKeyStates = [{ version: 1, chainId, signingKey: signing.publicKey, chainKey, n: 0, skipped: [] }];
  for (const words of ['one', 'two']) {
    const sent = sealInChain(provider, other.senderKey, chain, 'group', utf8(words));
    chain = sent.chain;
    const unsigned = sent.message.subarray(0, -64);
    const message: SenderKeyMessage = {
      chainId,
      iteration: unsigned[0]!,
      unsigned,
      headerBytes: unsigned.subarray(0, 1),
      body: unsigned.subarray(1),
      signature: sent.message.subarray(-64),
    };
    assert.throws(() => openInChain(provider, other.senderKey, states, 'another', message), refused('bad-message'));
    const opened = openInChain(provider, other.senderKey, states, 'group', message);
    assert.deepEqual(opened.plaintext, utf8(words));
    states = opened.states;
  }
});
