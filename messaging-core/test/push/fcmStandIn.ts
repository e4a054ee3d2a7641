// Google's side: the token endpoint and messages:send.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { jwtVerify } from 'jose';
import type { ServiceAccount } from '../../src/push/io/googleAccessToken.ts';
import { type Answer, type Received, StandIn } from './standIn.ts';

export interface FcmStandIn {
  readonly service: StandIn;
  readonly account: ServiceAccount;
  readonly unregistered: Set<string>;
  /** Access tokens and when they end; taken out, a token is refused. */
  readonly accessTokens: Map<string, number>;
  /** The messages:send requests alone. */
  sent(): Received[];
}

const PROJECT = 'carillon-test';

export async function startFcm(t: TestContext, now: () => number = Date.now): Promise<FcmStandIn> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const unregistered = new Set<string>();
  const accessTokens = new Map<string, number>();
  const email = 'push@carillon-test.iam.example';

  const issue = async ({ headers, body }: Received, broken: (rule: string) => void): Promise<Answer> => {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') broken('content type of the token request');
    const form = new URLSearchParams(body.toString('utf8'));
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') broken('grant_type');
    const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
      algorithms: ['RS256'],
      issuer: email,
      audience: `${service.url}/token`,
      currentDate: new Date(now()),
    });
    if (payload.scope !== 'https://www.googleapis.com/auth/firebase.messaging') broken('scope');
    if (payload.exp! - payload.iat! > 3600) broken('an assertion of more than an hour');
    if (protectedHeader.kid !== 'key-1') broken('kid');
    const token = randomUUID();
    accessTokens.set(token, now() + 3600_000);
    return { status: 200, body: { access_token: token, expires_in: 3600, token_type: 'Bearer' } };
  };

  const send = ({ headers, body }: Received, broken: (rule: string) => void): Answer => {
    const bearer = /^Bearer (\S+)$/.exec(String(headers.authorization))?.[1] ?? '';
    if ((accessTokens.get(bearer) ?? 0) <= now())
      return { status: 401, body: { error: { status: 'UNAUTHENTICATED' } } };
    if (headers['content-type'] !== 'application/json') broken('content type');
    const token = checkMessage(body, broken);
    if (unregistered.has(token)) {
      const details = [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'UNREGISTERED' }];
      return { status: 404, body: { error: { code: 404, status: 'NOT_FOUND', details } } };
    }
    return { status: 200, body: { name: `projects/${PROJECT}/messages/1` } };
  };

  const service: StandIn = await StandIn.start(t, (received, broken) => {
    if (received.path === '/token') return issue(received, broken);
    if (received.path !== `/v1/projects/${PROJECT}/messages:send`) broken(`path ${received.path}`);
    return send(received, broken);
  });
  return {
    service,
    account: {
      type: 'service_account',
      project_id: PROJECT,
      private_key_id: 'key-1',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      client_email: email,
      token_uri: `${service.url}/token`,
    },
    unregistered,
    accessTokens,
    sent: () => service.received.filter(({ path }) => path !== '/token'),
  };
}

/** Returns the registration token. */
function checkMessage(body: Buffer, broken: (rule: string) => void): string {
  const { message, ...others } = JSON.parse(body.toString('utf8')) as { message: Record<string, unknown> };
  const { token, data, android, ...more } = message;
  if (Object.keys({ ...others, ...more }).length > 0) broken(`more than data: ${Object.keys({ ...others, ...more })}`);
  for (const [name, value] of Object.entries(data ?? {}))
    if (typeof value !== 'string') broken(`data.${name} is no string`);
  const { priority, ttl } = android as { priority: string; ttl: string };
  if (!/^\d+s$/.test(ttl)) broken(`ttl ${ttl}`);
  if (priority === 'HIGH' ? ttl !== '0s' : priority !== 'NORMAL') broken(`priority ${priority} with ttl ${ttl}`);
  return String(token);
}
