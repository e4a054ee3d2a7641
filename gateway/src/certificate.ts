// A self-signed certificate for the local network: browsers give camera and
// microphone to secure pages only, and a phone on the network is not localhost.

import { X509Certificate as NodeCertificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;
/** iOS refuses server certificates that are valid for more than 825 days. */
const VALID_DAYS = 397;
/** Made anew this long before its end. */
const RENEW_DAYS = 14;

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** The kept one if it is still good for all `addresses`, else a new one, kept in `dataDir`. */
export async function selfSignedCertificate(
  dataDir: string,
  addresses: readonly string[],
  now: Date,
): Promise<Certificate> {
  const certificateFile = path.join(dataDir, 'tls-certificate.pem');
  const keyFile = path.join(dataDir, 'tls-key.pem');
  if (existsSync(certificateFile) && existsSync(keyFile)) {
    const kept = { certificate: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    if (isGoodFor(kept.certificate, addresses, now)) return kept;
  }
  const made = await makeCertificate(addresses, now);
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(keyFile, made.key, { mode: 0o600 });
  writeFileSync(certificateFile, made.certificate);
  return made;
}

function isGoodFor(pem: string, addresses: readonly string[], now: Date): boolean {
  const certificate = new NodeCertificate(pem);
  const lastsMs = new Date(certificate.validTo).getTime() - now.getTime();
  return lastsMs > RENEW_DAYS * DAY_MS && addresses.every((address) => certificate.checkIP(address) !== undefined);
}

async function makeCertificate(addresses: readonly string[], now: Date): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'Carillon' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [{ type: 2, value: 'localhost' }, ...addresses.map((ip) => ({ type: 7 as const, ip }))],
      },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
