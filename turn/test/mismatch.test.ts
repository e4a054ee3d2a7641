// Requests that meet no allocation, or one that is another credential's.
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { ATTRIBUTE, METHOD, verifyIntegrity } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  peerAttribute,
  TurnClient,
  UDP_TRANSPORT,
  uint32,
} from './turnClient.ts';

const RELEASE = { type: ATTRIBUTE.lifetime, value: uint32(0) };
const PEER = peerAttribute({ address: '127.0.0.1', port: 9 });
const OTHERS = [
  [METHOD.refresh, []],
  [METHOD.createPermission, [PEER]],
  [METHOD.channelBind, [channelAttribute(0x4000), PEER]],
] as const;
let relay: Relay;
let port: number;

before(async () => {
  relay = new Relay(relayOptions());
  ({ udp: port } = await relay.start());
});
after(() => relay.stop());

const now = Math.floor(Date.now() / 1000);
const as = (expiresInSeconds: number) => credential(SECRET, 'ana', now + expiresInSeconds);

/** Another credential, as a page that was loaded again has it, behind the same address and port. */
async function successor(t: TestContext, expiresInSeconds = 3700, password?: string) {
  const first = await new TurnClient(port, as(3600)).open();
  t.after(async () => {
    await first.request(METHOD.refresh, [RELEASE]);
    first.close();
  });
  await first.allocate();
  const made = as(expiresInSeconds);
  // A NAT that hands out a port again, or one socket under two names.
  const second = new TurnClient(port, { ...made, password: password ?? made.password }, '127.0.0.1', first.socket);
  return { first, second };
}

test('[TURN-45] an Allocate with another credential on a 5-tuple that is held is told 437, signed', async (t) => {
  const { first, second } = await successor(t);
  const reply = await second.request(METHOD.allocate, [UDP_TRANSPORT]);
  assert.equal(errorCodeOf(reply), 437);
  assert.ok(verifyIntegrity(reply, second.key()), 'signed with the key of the name given');
  assert.equal(errorCodeOf(await first.request(METHOD.refresh, [])), undefined, 'who holds it keeps it');
});

test('[TURN-45] other requests with another credential are told 441, signed', async (t) => {
  const { second } = await successor(t);
  for (const [method, attributes] of OTHERS) {
    const reply = await second.request(method, attributes);
    assert.equal(errorCodeOf(reply), 441);
    assert.ok(verifyIntegrity(reply, second.key()));
  }
});

test('[TURN-45] another name proves itself like the first: by its password, and before it expires', async (t) => {
  const wrong = await successor(t, 3700, 'wrong');
  const late = await successor(t, -1);
  for (const { second } of [wrong, late])
    for (const [method, attributes] of [[METHOD.allocate, [UDP_TRANSPORT]] as const, ...OTHERS])
      assert.equal(errorCodeOf(await second.request(method, attributes)), 401);
});

test('[TURN-45] a signed request without an allocation is told so by a reply that is signed', async (t) => {
  const client = await new TurnClient(port, as(3600)).open();
  t.after(() => client.close());
  await client.allocate();
  await client.request(METHOD.refresh, [RELEASE]);
  for (const [method, attributes] of OTHERS) {
    const reply = await client.request(method, attributes);
    assert.equal(errorCodeOf(reply), 437);
    assert.ok(verifyIntegrity(reply, client.key()));
  }
  const noTransport = await client.request(METHOD.allocate, []);
  assert.equal(errorCodeOf(noTransport), 400);
  assert.ok(verifyIntegrity(noTransport, client.key()));
});
