// Bodies from outside over HTTP: random ones, and good ones with something
// changed. Whatever they are, they are answered by a code of the table that is
// the asker's own fault, and nothing ends.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { ERRORS, type ErrorBody, isErrorCode, linkProof, PATHS, registrationProof } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import fc from 'fast-check';
import { oneTimePrekeys, TestDevice, TestIdentity } from '../testDevice.ts';
import { startServer } from '../testServer.ts';

/** A seed that failed may be given to run it again. */
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? randomInt(2 ** 31));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The value at the `at`th place (in depth-first order) is another. */
function mutated(value: Json, at: number, other: Json): Json {
  let left = at;
  const walk = (node: Json): Json => {
    if (left-- === 0) return other;
    if (Array.isArray(node)) return node.map(walk);
    if (node !== null && typeof node === 'object')
      return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, walk(child)]));
    return node;
  };
  return walk(value);
}

test(`hostile bodies are refused by codes, and nothing of ours fails (CARILLON_FUZZ_SEED=${SEED})`, async (t) => {
  const errors: string[] = [];
  const log = {
    ...silentLog,
    error: (event: string, fields = {}) => errors.push(`${event} ${JSON.stringify(fields)}`),
  };
  const server = await startServer(t, { CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE: '10000' }, { log });
  const ana = await TestDevice.register(server, 'ana');
  const identity = new TestIdentity();
  const id = 'a'.repeat(32);
  const device = { ...identity.newDevice(oneTimePrekeys(2)), kemPrekeys: [identity.kemPrekey(1)] };
  const good: [string, Json][] = [
    [PATHS.messaging.registrations, { handle: 'ben' }],
    [PATHS.messaging.links, {}],
    [PATHS.messaging.challenges, { ...ana.address }],
    [
      PATHS.messaging.tokens,
      { ...ana.address, challenge: `${'A'.repeat(22)}.1.${'A'.repeat(43)}`, signature: 'A'.repeat(86) },
    ],
    [PATHS.messaging.verify(id), { code: '123456', device, proof: identity.sign(registrationProof(id)) } as never],
    [PATHS.messaging.completeLink(id), { device, proof: identity.sign(linkProof(id)) } as never],
    [PATHS.messaging.link(id), {}],
  ];
  const send = async (path: string, body: string | Uint8Array<ArrayBuffer>, method = 'POST') => {
    const response = await fetch(server.url + path, { method, ...(method === 'GET' ? {} : { body }) });
    if (response.ok) {
      await response.arrayBuffer();
      return;
    }
    const { error } = (await response.json()) as ErrorBody;
    assert.ok(isErrorCode(error.code), error.code);
    assert.equal(response.status, ERRORS[error.code].status);
    assert.ok(response.status < 500, `${path} ${error.code}`);
  };
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
    fc.json(),
    fc
      .record({ which: fc.nat(), at: fc.nat({ max: 40 }), other: fc.jsonValue() })
      .map(({ which, at, other }) => JSON.stringify(mutated(good[which % good.length]![1], at, other as Json))),
  );
  const paths = fc.constantFrom(
    ...good.map(([path]) => path),
    `${PATHS.messaging.links}/../x`,
    PATHS.messaging.revoked,
  );
  const methods = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE');
  await fc.assert(
    fc.asyncProperty(paths, bodies, methods, async (path, body, method) => send(path, body, method)),
    { seed: SEED, numRuns: 300 },
  );
  for (const [path, body] of good)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 40 }), fc.jsonValue(), async (at, other) =>
        send(path, JSON.stringify(mutated(body, at, other as Json))),
      ),
      { seed: SEED, numRuns: 40 },
    );
  assert.deepEqual(errors, []);
  await (await ana.connect()).close();
});
