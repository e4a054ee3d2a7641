// What one who has proved nothing can make the relay send: sizes and rates.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, METHOD } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { credential, errorCodeOf, TurnClient, UDP_TRANSPORT, uint32 } from './turnClient.ts';

const PER_SECOND = 10;
const BURST = 40;
let clockMs = Date.now();
let relay: Relay;
let port: number;
const clients: TurnClient[] = [];

before(async () => {
  relay = new Relay(relayOptions({ realm: 'carillon', unprovenPerSecond: PER_SECOND, now: () => clockMs }));
  ({ udp: port } = await relay.start());
});
after(async () => {
  for (const client of clients) client.close();
  await relay.stop();
});

async function client(address = '127.0.0.1'): Promise<TurnClient> {
  const made = await new TurnClient(port, credential(SECRET, 'ana', Math.floor(clockMs / 1000) + 3600)).open(address);
  clients.push(made);
  return made;
}

test('[TURN-9] what is sent to one who has proved nothing is as small as the RFCs allow', async () => {
  const someone = await client('127.0.0.3');
  const sizes = async (method: number, attributes: Parameters<TurnClient['build']>[1]) => {
    const request = someone.build(method, attributes);
    const reply = await someone.exchange(request);
    return { request: request.length, reply: reply.raw.length, code: errorCodeOf(reply) };
  };
  // XOR-MAPPED-ADDRESS is 12 bytes, and what a Binding asks for (RFC 8489 §14.2).
  assert.deepEqual(await sizes(METHOD.binding, []), { request: 20, reply: 32, code: undefined });
  // ERROR-CODE 8, REALM 12, NONCE 12: all are required (RFC 8489 §9.2.4).
  assert.deepEqual(await sizes(METHOD.allocate, [UDP_TRANSPORT]), { request: 28, reply: 52, code: 401 });
  assert.deepEqual(await sizes(METHOD.allocate, []), { request: 20, reply: 28, code: 400 });
  for (const method of [METHOD.refresh, METHOD.createPermission, METHOD.channelBind, 0x0ff])
    assert.deepEqual(await sizes(method, []), { request: 20, reply: 28, code: 437 });
});

test('[TURN-9] an address that has proved nothing is answered so often, others and allocations are not touched', async () => {
  const established = await client();
  await established.allocate();
  const flood = await client();
  const before = relay.stats.limitedRequests;
  let replies = 0;
  flood.socket.on('message', () => replies++);
  for (let n = 0; n < BURST * 3; n++)
    flood.sendRaw(flood.build(n % 2 ? METHOD.binding : METHOD.allocate, [UDP_TRANSPORT]));
  // The relay reads in order: once this is answered all of the above was dealt with.
  assert.equal((await established.request(METHOD.refresh, [])).class, CLASS.success);
  assert.equal((await established.exchange(established.build(METHOD.binding, []))).class, CLASS.success);
  assert.ok(replies <= BURST, `${replies} replies`);
  assert.ok(relay.stats.limitedRequests - before >= BURST * 2);
  const elsewhere = await client('127.0.0.2');
  assert.equal(errorCodeOf(await elsewhere.exchange(elsewhere.build(METHOD.allocate, [UDP_TRANSPORT]))), 401);
  clockMs += 1000;
  const [datagram] = await Promise.all([
    once(flood.socket, 'message', { signal: AbortSignal.timeout(3_000) }),
    flood.sendRaw(flood.build(METHOD.binding, [], randomBytes(12))),
  ]);
  assert.ok(datagram);
  await established.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
});

test('[TURN-9] whose address has had its replies is not even looked at: a right credential is as good as a wrong one', async () => {
  const [honest, flood] = [await client('127.0.0.4'), await client('127.0.0.4')];
  // With the challenge it holds all that an allocation takes.
  const challenge = await honest.exchange(honest.build(METHOD.allocate, [UDP_TRANSPORT]));
  honest.challenge('carillon', attributeOf(challenge, ATTRIBUTE.nonce)!);
  for (let n = 0; n < BURST; n++) flood.sendRaw(flood.build(METHOD.binding, []));
  const before = relay.stats.limitedRequests;
  const allocated = honest.next();
  honest.sendRaw(honest.build(METHOD.allocate, [UDP_TRANSPORT]));
  while (relay.stats.limitedRequests < before + 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(relay.stats.allocations, 0);
  clockMs += 1000;
  honest.sendRaw(honest.build(METHOD.allocate, [UDP_TRANSPORT]));
  assert.equal(decodeStun(await allocated)?.class, CLASS.success);
  await honest.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
});
