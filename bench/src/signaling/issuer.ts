// Who signs access tokens, in messaging-core's place: its keys and its list of
// removed devices by HTTP, where signaling looks for them.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATHS, TOKEN } from '@carillon/protocol';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

const HEADER = { alg: 'EdDSA', kid: 'bench' } as const;

export interface Issuer {
  readonly url: string;
  readonly privateJwk: JWK;
  close(): void;
}

export async function openIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), ...HEADER }] });
  const server = createServer((request, response) => {
    const body = request.url === PATHS.messaging.jwks ? jwks : JSON.stringify({ devices: [] });
    response.setHeader('content-type', 'application/json').end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    privateJwk: await exportJWK(privateKey),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export function signToken(key: CryptoKey, accountId: string, deviceId: number): Promise<string> {
  return new SignJWT({ dev: deviceId })
    .setProtectedHeader(HEADER)
    .setIssuer(TOKEN.issuer.messaging)
    .setAudience(TOKEN.audience.access)
    .setSubject(accountId)
    .setExpirationTime(Math.floor(Date.now() / 1000) + 3_600)
    .sign(key);
}
