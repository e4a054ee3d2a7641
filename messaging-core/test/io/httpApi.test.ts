// Registration and login over HTTP, and what strangers try.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import {
  loginProof,
  PATHS,
  type RegistrationReply,
  registrationProof,
  type TokenReply,
  type VerifyReply,
} from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { ConsoleVerifier, FileVerifier } from '../../src/index.ts';
import { oneTimePrekeys, post, TestDevice, TestIdentity, type TestServer } from '../testDevice.ts';
import { startServer, tempDir } from '../testServer.ts';

const begin = (server: TestServer, handle: string, headers = {}) =>
  post<RegistrationReply>(server.url + PATHS.messaging.registrations, { handle }, headers);
const verify = (server: TestServer, registrationId: string, body: unknown) =>
  post<VerifyReply>(server.url + PATHS.messaging.verify(registrationId), body);
const wrong = (code: string) => (code === '000000' ? '000001' : '000000');

test('[AUTH-4] five wrong codes end a registration; the right one is then of no use', async (t) => {
  const server = await startServer(t);
  const identity = new TestIdentity();
  const { registrationId, codeLength } = await begin(server, 'ana');
  assert.equal(codeLength, 6);
  // A word on a command line: one of 64 in base64url began with '-' and was taken for an option.
  assert.match(registrationId, /^[0-9a-f]{32}$/);
  const code = server.codeFor('ana');
  const attempt = (tried: string) => verify(server, registrationId, identity.verifyBody(registrationId, tried, []));
  for (let n = 0; n < 4; n++) await assert.rejects(attempt(wrong(code)), { code: 'code-wrong', status: 403 });
  await assert.rejects(attempt(wrong(code)), { code: 'code-attempts-exhausted', status: 429 });
  await assert.rejects(attempt(code), { code: 'code-attempts-exhausted' });
});

test('[AUTH-4] a code works once, for ten minutes', async (t) => {
  const server = await startServer(t);
  const identity = new TestIdentity();
  const first = await begin(server, 'ana');
  const body = identity.verifyBody(first.registrationId, server.codeFor('ana'), []);
  const both = await Promise.allSettled([
    verify(server, first.registrationId, body),
    verify(server, first.registrationId, body),
  ]);
  assert.equal(both.filter((result) => result.status === 'fulfilled').length, 1);
  await assert.rejects(verify(server, first.registrationId, body), { code: 'registration-unknown', status: 404 });

  const second = await begin(server, 'ben');
  const late = identity.verifyBody(second.registrationId, server.codeFor('ben'), []);
  server.clock.aheadMs = 10 * 60_000 + 1_000;
  await assert.rejects(verify(server, second.registrationId, late), { code: 'registration-unknown' });
});

test('[AUTH-5] a device must hold the identity it names, and vouch for its prekey; a mistake costs no attempt', async (t) => {
  const server = await startServer(t);
  const identity = new TestIdentity();
  const other = new TestIdentity();
  const { registrationId } = await begin(server, 'ana');
  const good = identity.verifyBody(registrationId, server.codeFor('ana'), oneTimePrekeys(2));
  const { device } = good;
  const zeroKey = 'A'.repeat(43);
  const refusals: [object, string][] = [
    [{ proof: other.sign(registrationProof(registrationId)) }, 'signature-invalid'],
    [{ proof: identity.sign(registrationProof('another registration id')) }, 'signature-invalid'],
    [{ device: { ...device, signedPrekey: other.signedPrekey(1) } }, 'signature-invalid'],
    [{ device: { ...device, signedPrekey: { ...device.signedPrekey, id: 2 } } }, 'signature-invalid'],
    // y = 0 is a point of order four: a signature by it could stand for many messages.
    [{ device: { ...device, identityKey: zeroKey } }, 'invalid-request'],
    [{ device: { ...device, identityKey: `${'_'.repeat(42)}8` } }, 'invalid-request'],
    [{ device: { ...device, oneTimePrekeys: [{ id: 1, publicKey: zeroKey }] } }, 'invalid-request'],
    [{ device: { ...device, oneTimePrekeys: [...oneTimePrekeys(1), ...oneTimePrekeys(1)] } }, 'invalid-request'],
    [{ device: { ...device, oneTimePrekeys: oneTimePrekeys(201) } }, 'invalid-request'],
    [{ code: '12345' }, 'invalid-request'],
  ];
  for (const [change, code] of refusals)
    await assert.rejects(verify(server, registrationId, { ...good, ...change }), { code });
  const reply = await verify(server, registrationId, good);
  assert.equal(reply.handle, 'ana');
  assert.equal(reply.replacedDevices, false);
});

test('[AUTH-6] a challenge works once, for its device, for a minute', async (t) => {
  const server = await startServer(t);
  const ana = await TestDevice.register(server, 'ana');
  const ben = await TestDevice.register(server, 'ben');
  const challenge = async () =>
    (await post<{ challenge: string }>(server.url + PATHS.messaging.challenges, ana.address)).challenge;
  const token = (device: TestDevice, text: string, signer = device) =>
    post<TokenReply>(server.url + PATHS.messaging.tokens, {
      ...device.address,
      challenge: text,
      signature: signer.identity.sign(loginProof(text)),
    });
  const once = await challenge();
  await assert.rejects(token(ben, once), { code: 'token-invalid', status: 401 }, 'for another device');
  await assert.rejects(token(ana, once, ben), { code: 'signature-invalid', status: 403 });
  assert.ok((await token(ana, once)).expiresAtMs > Date.now());
  await assert.rejects(token(ana, once), { code: 'token-invalid' }, 'replayed');
  await assert.rejects(token(ana, `${once.slice(0, -1)}A`), { code: 'token-invalid' }, 'another MAC');
  await assert.rejects(token(ana, 'made up'), { code: 'token-invalid' });
  const late = await challenge();
  server.clock.aheadMs = 61_000;
  await assert.rejects(token(ana, late), { code: 'token-expired', status: 401 });
  await assert.rejects(post(server.url + PATHS.messaging.challenges, { ...ana.address, deviceId: 99 }), {
    code: 'device-unknown',
  });
});

test('[AUTH-4] codes are limited per handle and per remote address', async (t) => {
  const server = await startServer(t, {
    CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE: '2',
    CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: '4',
  });
  const from = (address: string) => ({ 'x-forwarded-for': address });
  for (let n = 0; n < 2; n++) await begin(server, 'ana', from('192.0.2.1'));
  await assert.rejects(begin(server, 'ana', from('192.0.2.2')), { code: 'rate-limited', status: 429 });
  await begin(server, 'ben', from('192.0.2.1'));
  await begin(server, 'cyd', from('192.0.2.1'));
  const error = await begin(server, 'dan', from('192.0.2.1')).catch((caught) => caught);
  assert.equal(error.code, 'rate-limited');
  assert.ok(error.retryAfterMs > 0);
  await begin(server, 'dan', from('192.0.2.3'));
});

test('HTTP requests are limited per remote address', async (t) => {
  const server = await startServer(t, { CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: '1' });
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => begin(server, 'a b')));
  const codes = results.map((result) => (result as PromiseRejectedResult).reason.code as string);
  assert.ok(codes.includes('handle-invalid'));
  assert.ok(codes.includes('rate-limited'));
});

test('bad bodies and paths are answered by their codes', async (t) => {
  const server = await startServer(t);
  const registrations = server.url + PATHS.messaging.registrations;
  await assert.rejects(post(registrations, '{'), { code: 'malformed-frame', status: 400 });
  await assert.rejects(post(registrations, {}), { code: 'invalid-request', status: 400 });
  await assert.rejects(post(registrations, { handle: 'no spaces!' }), { code: 'handle-invalid' });
  await assert.rejects(post(registrations, { handle: 'x'.repeat(100_000) }), { code: 'frame-too-large', status: 413 });
  await assert.rejects(post(`${server.url}/messaging/v1/nothing`, {}), { code: 'not-found', status: 404 });
  await assert.rejects(verify(server, 'a'.repeat(32), new TestIdentity().verifyBody('x', '123456', [])), {
    code: 'registration-unknown',
  });
  assert.equal((await fetch(registrations)).status, 404);
  const health = await (await fetch(server.url + PATHS.messaging.health)).json();
  assert.deepEqual(health, { service: 'messaging-core', ok: true, problems: [] });
});

test('a body that does not come is not waited for, and an aborted one is no error of ours', async (t) => {
  const errors: string[] = [];
  const log = { ...silentLog, error: (event: string) => errors.push(event) };
  const server = await startServer(t, {}, { bodyTimeoutMs: 50, log });
  const slow = request(server.url + PATHS.messaging.registrations, {
    method: 'POST',
    headers: { 'content-length': 20 },
  });
  slow.write('{');
  await assert.rejects(once(slow, 'response'));
  assert.deepEqual(errors, []);
  await begin(server, 'ana');
});

test('a code that could not be sent leaves no registration and is an internal error', async (t) => {
  const server = await startServer(t, {}, { verifier: { sendCode: () => Promise.reject(new Error('gateway down')) } });
  await assert.rejects(begin(server, 'ana'), { code: 'internal-error', status: 500 });
});

test('the console prints one clear line, and the file is appended to', async (t) => {
  const lines: string[] = [];
  const file = path.join(await tempDir(t), 'codes.txt');
  const verifier = new FileVerifier(file, new ConsoleVerifier((line) => lines.push(line)));
  const server = await startServer(t, {}, { verifier });
  await begin(server, 'Ana');
  await begin(server, 'ben');
  assert.match(lines[0]!, /^Registration code for @ana: \d{6}\n$/);
  assert.match(await readFile(file, 'utf8'), /^ana \d{6}\nben \d{6}\n$/);
});
