// Apple's side: every rule for a request, and the answers to bad tokens.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { TestContext } from 'node:test';
import { decodeJwt, jwtVerify } from 'jose';
import { type Answer, type Received, StandIn } from './standIn.ts';

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export interface ApnsStandIn {
  readonly service: StandIn;
  readonly key: { readonly pem: string; readonly keyId: string; readonly teamId: string };
  readonly bundle: string;
  /** Tokens of devices without the app. */
  readonly unregistered: Set<string>;
  readonly bad: Set<string>;
  /** Issue times of the provider tokens, in the order in which they came. */
  readonly issuedAt: number[];
}

export async function startApns(t: TestContext, now: () => number = Date.now): Promise<ApnsStandIn> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyId: 'ABC123DEFG',
    teamId: 'TEAM456789',
  };
  const bundle = 'org.example.carillon';
  const unregistered = new Set<string>();
  const bad = new Set<string>();
  const issuedAt: number[] = [];
  const latest = new Map<number, number>();
  const service = await StandIn.start(t, async (received, broken): Promise<Answer> => {
    const token = /^\/3\/device\/([0-9a-f]{64})$/.exec(received.path)?.[1];
    if (!token) broken(`path ${received.path}`);
    checkHeaders(received, bundle, broken);
    checkPayload(received, broken);
    const refusal = await providerTokenRefusal(received, { publicKey, key, issuedAt, latest, now }, broken);
    if (refusal) return { status: 403, body: { reason: refusal } };
    if (bad.has(token!)) return { status: 400, body: { reason: 'BadDeviceToken' } };
    if (unregistered.has(token!)) return { status: 410, body: { reason: 'Unregistered', timestamp: now() } };
    return { status: 200, headers: { 'apns-id': String(received.headers['apns-id']) } };
  });
  return { service, key, bundle, unregistered, bad, issuedAt };
}

function checkHeaders({ headers }: Received, bundle: string, broken: (rule: string) => void): void {
  const want = (name: string, value: string) => {
    if (headers[name] !== value) broken(`${name}: ${headers[name]}, not ${value}`);
  };
  if (!UUID.test(String(headers['apns-id']))) broken('apns-id is no UUID');
  if (headers['apns-push-type'] === 'voip') {
    want('apns-topic', `${bundle}.voip`);
    want('apns-priority', '10');
    want('apns-expiration', '0');
  } else {
    want('apns-push-type', 'background');
    want('apns-topic', bundle);
    want('apns-priority', '5');
    if (!/^[1-9]\d{9}$/.test(String(headers['apns-expiration']))) broken('apns-expiration is no time in seconds');
  }
}

function checkPayload({ headers, body }: Received, broken: (rule: string) => void): void {
  const voip = headers['apns-push-type'] === 'voip';
  if (body.length > (voip ? 5_120 : 4_096)) broken(`payload of ${body.length} bytes`);
  const { aps } = JSON.parse(body.toString('utf8')) as { aps?: Record<string, unknown> };
  if (!aps) broken('no aps');
  if (!voip && JSON.stringify(aps) !== '{"content-available":1}') broken('a background push that shows something');
}

interface Provider {
  readonly publicKey: KeyObject;
  readonly key: ApnsStandIn['key'];
  readonly issuedAt: number[];
  /** By connection. */
  readonly latest: Map<number, number>;
  readonly now: () => number;
}

async function providerTokenRefusal(
  { headers, connection }: Received,
  { publicKey, key, issuedAt, latest, now }: Provider,
  broken: (rule: string) => void,
): Promise<string | undefined> {
  const token = /^bearer (\S+)$/.exec(String(headers.authorization))?.[1];
  if (!token) {
    broken('no provider token');
    return 'MissingProviderToken';
  }
  try {
    const { protectedHeader } = await jwtVerify(token, publicKey, {
      algorithms: ['ES256'],
      issuer: key.teamId,
      currentDate: new Date(now()),
    });
    if (protectedHeader.kid !== key.keyId) broken('kid');
  } catch (error) {
    broken(`provider token: ${error}`);
    return 'InvalidProviderToken';
  }
  const { iat = 0 } = decodeJwt(token);
  const last = latest.get(connection);
  if (last !== undefined && last !== iat && iat - last < 20 * 60) broken('provider token refreshed within 20 minutes');
  latest.set(connection, iat);
  if (issuedAt.at(-1) !== iat) issuedAt.push(iat);
  return now() / 1000 - iat > 3600 ? 'ExpiredProviderToken' : undefined;
}
