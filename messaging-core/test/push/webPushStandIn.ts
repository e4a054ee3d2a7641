// A browser's push service, and its subscriptions: what arrives is opened with
// the subscription's private key.
import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { importJWK, jwtVerify } from 'jose';
import type { PushTarget } from '../../src/index.ts';
import { type Answer, type Received, StandIn } from './standIn.ts';

export interface WebPushStandIn {
  readonly service: StandIn;
  /** Subscriptions that their browser has given up. */
  readonly gone: Set<string>;
  /** What the browsers' service workers got. */
  readonly opened: unknown[];
  subscribe(applicationServerKey: Uint8Array): PushTarget;
}

interface Subscription {
  readonly ecdh: ECDH;
  readonly auth: Buffer;
  readonly applicationServerKey: string;
}

export async function startWebPush(t: TestContext, now: () => number = Date.now): Promise<WebPushStandIn> {
  const subscriptions = new Map<string, Subscription>();
  const gone = new Set<string>();
  const opened: unknown[] = [];
  const service: StandIn = await StandIn.start(t, async (received, broken): Promise<Answer> => {
    const subscription = subscriptions.get(received.path);
    if (!subscription || gone.has(`${service.url}${received.path}`)) return { status: 410 };
    checkHeaders(received, broken);
    const refusal = await vapidRefusal(received, subscription, service.url, now());
    if (refusal) {
      broken(refusal);
      return { status: 403 };
    }
    opened.push(JSON.parse(open(received.body, subscription).toString('utf8')));
    return { status: 201, headers: { location: `${service.url}/message/1` } };
  });
  return {
    service,
    gone,
    opened,
    subscribe: (applicationServerKey) => {
      const ecdh = createECDH('prime256v1');
      ecdh.generateKeys();
      const auth = randomBytes(16);
      const path = `/push/${randomBytes(12).toString('base64url')}?v=1`;
      const key = Buffer.from(applicationServerKey).toString('base64url');
      subscriptions.set(path, { ecdh, auth, applicationServerKey: key });
      return { service: 'web', token: service.url + path, p256dh: new Uint8Array(ecdh.getPublicKey()), auth };
    },
  };
}

function checkHeaders({ headers, body }: Received, broken: (rule: string) => void): void {
  if (headers['content-encoding'] !== 'aes128gcm') broken('content-encoding');
  if (!/^\d+$/.test(String(headers.ttl))) broken('ttl');
  if (!/^(very-low|low|normal|high)$/.test(String(headers.urgency))) broken('urgency');
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(String(headers.topic))) broken('topic');
  if (body.length > 4_096) broken(`body of ${body.length} bytes`);
}

/** RFC 8292. */
async function vapidRefusal(
  { headers }: Received,
  { applicationServerKey }: Subscription,
  origin: string,
  nowMs: number,
): Promise<string | undefined> {
  const [, token = '', key = ''] = /^vapid t=([^,\s]+), k=([\w-]+)$/.exec(String(headers.authorization)) ?? [];
  if (key !== applicationServerKey) return 'another application server key than that of the subscription';
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url')) as [
    string,
    string,
  ];
  try {
    const verifying = await importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ES256');
    const { payload } = await jwtVerify(token, verifying, {
      algorithms: ['ES256'],
      audience: origin,
      currentDate: new Date(nowMs),
    });
    if (!payload.exp || payload.exp * 1000 > nowMs + 24 * 3600_000) return 'a token of more than a day';
    if (!/^(mailto:|https:)/.test(payload.sub ?? '')) return 'sub is no contact';
  } catch (error) {
    return `token: ${error}`;
  }
  return undefined;
}

/** RFC 8291 from the receiver's side. */
export function open(body: Buffer, { ecdh, auth }: Pick<Subscription, 'ecdh' | 'auth'>): Buffer {
  const salt = body.subarray(0, 16);
  const idLength = body.readUInt8(20);
  const sender = body.subarray(21, 21 + idLength);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender]);
  const ikm = Buffer.from(hkdfSync('sha256', ecdh.computeSecret(sender), auth, info, 32));
  const derive = (label: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', ikm, salt, `Content-Encoding: ${label}\0`, bytes));
  const record = body.subarray(21 + idLength);
  const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
  decipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
  const end = plain.lastIndexOf(2);
  if (end === -1 || plain.subarray(end + 1).some((byte) => byte !== 0)) throw new Error('no end of the last record');
  return plain.subarray(0, end);
}
