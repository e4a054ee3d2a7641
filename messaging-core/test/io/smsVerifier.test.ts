// Codes through a webhook, against a stand-in over HTTP that checks what it gets.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Handle, PATHS, type RegistrationReply } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { SmsVerifier } from '../../src/io/smsVerifier.ts';
import { post } from '../testDevice.ts';
import { startServer } from '../testServer.ts';

const SECRET = 'a secret of sixteen bytes';
const NOW_MS = 1_800_000_000_000;

type Answer = number | 'hang' | 'reset' | { readonly redirect: string };
interface Taken {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function webhook(t: TestContext, answers: Answer[]) {
  const taken: Taken[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      taken.push({ headers: request.headers, body });
      const answer = answers.shift() ?? 200;
      if (answer === 'reset') request.socket.destroy();
      else if (typeof answer === 'object') response.writeHead(302, { location: answer.redirect }).end();
      else if (answer !== 'hang') response.writeHead(answer).end('words of the gateway');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/codes`;
  const lines: string[] = [];
  const say = (event: string, fields = {}) => lines.push(`${event} ${JSON.stringify(fields)}`);
  const log = { ...silentLog, warn: say, error: say };
  const verifier = new SmsVerifier({ url, secret: SECRET, now: () => NOW_MS, log, timeoutMs: 600, retryAfterMs: 5 });
  const send = () => verifier.sendCode('ana' as Handle, '012345');
  return { url, taken, lines, send };
}

test('[AUTH-17] a code is POSTed once, signed with its time by the shared secret', async (t) => {
  const { taken, send } = await webhook(t, [204]);
  await send();
  assert.equal(taken.length, 1);
  const [{ headers, body }] = taken as [Taken];
  assert.deepEqual(JSON.parse(body), { handle: 'ana', code: '012345' });
  assert.equal(headers['x-carillon-timestamp'], String(NOW_MS / 1000));
  const expected = createHmac('sha256', SECRET)
    .update(`${NOW_MS / 1000}.${body}`)
    .digest('hex');
  assert.equal(headers['x-carillon-signature'], `v1=${expected}`);
});

test('[AUTH-17] a gateway at fault is asked twice more, by the same delivery id; then the person is told', async (t) => {
  const { taken, lines, send } = await webhook(t, [503, 'reset', 200, 500, 'hang', 429]);
  await send();
  assert.equal(taken.length, 3);
  assert.equal(new Set(taken.map(({ headers }) => headers['x-carillon-delivery'])).size, 1);
  await assert.rejects(send(), (error: Error & { code: string; details: { retryAfterMs: number } }) => {
    assert.equal(error.code, 'internal-error');
    assert.match(error.message, /could not be sent/);
    return error.details.retryAfterMs > 0;
  });
  assert.equal(taken.length, 6);
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines.join(), /ana|012345/);
});

test('[AUTH-17] a refusal is for good, in words, and a redirect is not followed', async (t) => {
  const other = await webhook(t, []);
  const { taken, send } = await webhook(t, [
    422,
    { redirect: other.url },
    { redirect: other.url },
    { redirect: other.url },
  ]);
  await assert.rejects(send(), { code: 'forbidden', message: 'No code can be sent to this handle.' });
  assert.equal(taken.length, 1);
  await assert.rejects(send(), { code: 'internal-error' });
  assert.equal(other.taken.length, 0, 'the code went nowhere else');
});

test('[AUTH-17] the service sends codes by the configured webhook, and a refused one leaves no registration', async (t) => {
  const { url, taken } = await webhook(t, [200, 400]);
  const env = { CARILLON_SMS_WEBHOOK_URL: url, CARILLON_SMS_WEBHOOK_SECRET: SECRET };
  const server = await startServer(t, env, { verifier: undefined });
  const begin = () => post<RegistrationReply>(server.url + PATHS.messaging.registrations, { handle: 'ana' });
  await begin();
  assert.match((JSON.parse(taken[0]!.body) as { code: string }).code, /^\d{6}$/);
  await assert.rejects(begin(), { code: 'forbidden', status: 403 });
  await assert.rejects(startServer(t, { CARILLON_SMS_WEBHOOK_URL: url }, { verifier: undefined }), /go together/);
});
