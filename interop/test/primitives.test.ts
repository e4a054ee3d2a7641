// The profile's own primitives against the other side's, apart from any session.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as signal from 'libsignal-0.72';
import { printedRandom } from '../src/seededRandom.ts';
import { xeddsaSign, xeddsaVerify } from '../src/xeddsa.ts';

const TIMES = 50;

describe('primitives of libsignal 0.72.1', () => {
  test('XEdDSA: each verifies the other, and not what was changed', (t) => {
    const random = printedRandom(t);
    for (let n = 0; n < TIMES; n++) {
      const key = signal.PrivateKey.generate();
      const publicKey = key.getPublicKey();
      const message = random.bytes(n);
      const signatures = [key.sign(Buffer.from(message)), xeddsaSign(key.serialize(), message, random.bytes(64))];
      for (const signature of signatures) {
        assert.ok(xeddsaVerify(publicKey.getPublicKeyBytes(), message, signature));
        assert.ok(publicKey.verify(Buffer.from(message), Buffer.from(signature)));
        const changed = Buffer.from(signature);
        changed[random.integer(64)]! ^= 1 << random.integer(8);
        assert.ok(!xeddsaVerify(publicKey.getPublicKeyBytes(), message, changed));
        assert.ok(!publicKey.verify(Buffer.from(message), changed));
      }
    }
  });
});
