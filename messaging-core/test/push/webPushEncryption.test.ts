import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sealWebPush } from '../../src/push/core/webPushEncryption.ts';
import { open } from './webPushStandIn.ts';

const bytes = (text: string) => Buffer.from(text, 'base64url');

test('[PUSH-15] the encryption is that of RFC 8291, by the example of its section 5', () => {
  const sealed = sealWebPush(
    Buffer.from('When I grow up, I want to be a watermelon'),
    {
      p256dh: bytes('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'),
      auth: bytes('BTBZMqHH6r4Tts7J_aSIgg'),
    },
    bytes('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'),
    bytes('DGv6ra1nlYgDCS1FRnbzlw'),
  );
  assert.equal(
    Buffer.from(sealed).toString('base64url'),
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  );
});

test('[PUSH-15] only the subscription opens it, and not when a bit is changed', () => {
  const [ecdh, other, sender] = [createECDH('prime256v1'), createECDH('prime256v1'), createECDH('prime256v1')];
  for (const each of [ecdh, other, sender]) each.generateKeys();
  const auth = randomBytes(16);
  const keys = { p256dh: ecdh.getPublicKey(), auth };
  const sealed = Buffer.from(sealWebPush(Buffer.from('wake'), keys, sender.getPrivateKey(), randomBytes(16)));
  assert.equal(open(sealed, { ecdh, auth }).toString(), 'wake');
  assert.throws(() => open(sealed, { ecdh: other, auth }));
  assert.throws(() => open(sealed, { ecdh, auth: randomBytes(16) }));
  sealed[sealed.length - 20]! ^= 1;
  assert.throws(() => open(sealed, { ecdh, auth }));
  assert.throws(() => sealWebPush(Buffer.from('x'), { p256dh: randomBytes(65), auth }, sender.getPrivateKey(), auth));
});
