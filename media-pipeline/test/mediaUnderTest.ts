// A media service on a free port, with an issuer of access tokens beside it that
// answers JWKS over HTTP as messaging-core does.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestOptions, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import {
  type AccountId,
  type BlobId,
  type BlobUrlReply,
  blobUrlReplySchema,
  type DeviceId,
  type GrantReply,
  grantReplySchema,
  PATHS,
  TOKEN,
} from '@carillon/protocol';
import { listen, parseConfig, silentLog } from '@carillon/service';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { config } from '../src/config.ts';
import { createMedia, type MediaOptions, type RunningMedia } from '../src/mediaService.ts';

export interface Issuer {
  readonly url: string;
  /** Devices that were removed: added by tests. */
  readonly revoked: { accountId: AccountId; deviceId: number }[];
  token(accountId: AccountId, options?: { expiresInS?: number; audience?: string }): Promise<string>;
}

export function newAccountId(): AccountId {
  return randomBytes(16).toString('base64url') as AccountId;
}

export function blobIdOf(bytes: Uint8Array): BlobId {
  return createHash('sha256').update(bytes).digest('base64url') as BlobId;
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'carillon-media-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function startIssuer(t: TestContext): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'EdDSA' };
  const revoked: Issuer['revoked'] = [];
  const documents: Record<string, object> = {
    [PATHS.messaging.jwks]: { keys: [jwk] },
    [PATHS.messaging.revoked]: { devices: revoked },
  };
  const server = createServer((incoming, response) => {
    const document = documents[incoming.url ?? ''];
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    revoked,
    token: (accountId, { expiresInS = 600, audience = TOKEN.audience.access } = {}) =>
      new SignJWT({ dev: 1 as DeviceId })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'test' })
        .setSubject(accountId)
        .setIssuer(TOKEN.issuer.messaging)
        .setAudience(audience)
        .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
        .sign(privateKey),
  };
}

export interface MediaUnderTest {
  readonly url: string;
  readonly issuer: Issuer;
  readonly dataDir: string;
  readonly media: RunningMedia;
  close(): Promise<void>;
}

export async function startMedia(
  t: TestContext,
  env: Record<string, string> = {},
  options: MediaOptions & { dataDir?: string; issuer?: Issuer } = {},
): Promise<MediaUnderTest> {
  const { dataDir = await temporaryFolder(t), issuer = await startIssuer(t), ...mediaOptions } = options;
  const settings = parseConfig(config, {
    CARILLON_DATA_DIR: dataDir,
    CARILLON_MESSAGING_URL: issuer.url,
    CARILLON_MEDIA_FREE_BYTES_MIN: '0',
    ...env,
  });
  const media = await createMedia(settings, silentLog, mediaOptions);
  const listening = await listen(media, {
    name: 'media-pipeline',
    healthPath: PATHS.media.health,
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= listening.close();
    return closed;
  };
  t.after(close);
  return { url: listening.url, issuer, dataDir, media, close };
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  /** The code of an error body. */
  readonly code: string | undefined;
}

/** One raw request, on a connection of its own. */
export function ask(url: string, options: RequestOptions & { body?: Uint8Array | string } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode!, headers: response.headers, body: bytes, code: codeIn(bytes) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function codeIn(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString('utf8')) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined;
  }
}

/** A device of one account, speaking raw HTTP. */
export class TestDevice {
  readonly accountId = newAccountId();
  readonly #url: string;
  readonly #issuer: Issuer;

  constructor(server: { url: string; issuer: Issuer }) {
    this.#url = server.url;
    this.#issuer = server.issuer;
  }

  async askForGrant(blobId: string, bytes: number): Promise<Answer> {
    const token = await this.#issuer.token(this.accountId);
    return ask(`${this.#url}${PATHS.media.grants}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ blobId, bytes }),
    });
  }

  async grant(blobId: string, bytes: number): Promise<GrantReply> {
    const answer = await this.askForGrant(blobId, bytes);
    return grantReplySchema.parse(JSON.parse(answer.body.toString('utf8')));
  }

  async askForLink(blobId: string): Promise<Answer> {
    const token = await this.#issuer.token(this.accountId);
    return ask(`${this.#url}${PATHS.media.blobUrl(blobId)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
  }

  async link(blobId: string): Promise<BlobUrlReply> {
    return blobUrlReplySchema.parse(JSON.parse((await this.askForLink(blobId)).body.toString('utf8')));
  }

  tus(grant: string, method: string, where: string, headers: Record<string, string | number> = {}, body?: Uint8Array) {
    return ask(`${this.#url}${where}`, {
      method,
      headers: { 'tus-resumable': '1.0.0', authorization: `Bearer ${grant}`, ...headers },
      ...(body ? { body } : {}),
    });
  }

  /** Creates the upload; the path of it. */
  async create(grant: string, bytes: number): Promise<string> {
    const answer = await this.tus(grant, 'POST', PATHS.media.uploads, { 'upload-length': bytes });
    if (answer.status !== 201) throw new Error(`creation was answered ${answer.status} ${answer.body}`);
    return String(answer.headers.location);
  }

  patch(grant: string, where: string, offset: number, body: Uint8Array, headers: Record<string, string> = {}) {
    return this.tus(
      grant,
      'PATCH',
      where,
      {
        'upload-offset': offset,
        'content-type': 'application/offset+octet-stream',
        'content-length': body.length,
        ...headers,
      },
      body,
    );
  }

  /** The whole way; returns the blob's id. */
  async upload(bytes: Uint8Array): Promise<BlobId> {
    const blobId = blobIdOf(bytes);
    const { grant } = await this.grant(blobId, bytes.length);
    const answer = await this.patch(grant, await this.create(grant, bytes.length), 0, bytes);
    if (answer.status !== 204) throw new Error(`upload was answered ${answer.status} ${answer.body}`);
    return blobId;
  }
}
