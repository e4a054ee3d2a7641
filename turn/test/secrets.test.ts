// The secret is replaced while relays and signaling run: for a time both hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASS, METHOD } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions } from './relayOptions.ts';
import { credential, errorCodeOf, TurnClient, UDP_TRANSPORT } from './turnClient.ts';

const [NEW, OLD, OLDER] = ['the new secret, 16', 'the old secret, 16', 'an older secret, 16'] as const;

test('[TURN-2] credentials of each secret hold, those of one that was taken away do not', async (t) => {
  const relay = new Relay(relayOptions({ secrets: [NEW, OLD] }));
  const { udp: port } = await relay.start();
  t.after(() => relay.stop());
  const far = Math.floor(Date.now() / 1000) + 3600;
  for (const secret of [NEW, OLD, OLDER]) {
    const client = await new TurnClient(port, credential(secret, 'ana', far)).open();
    t.after(() => client.close());
    const reply = await client.request(METHOD.allocate, [UDP_TRANSPORT]);
    assert.equal(errorCodeOf(reply), secret === OLDER ? 401 : undefined, secret);
    if (secret === OLDER) continue;
    assert.equal((await client.request(METHOD.refresh, [])).class, CLASS.success, secret);
  }
});
