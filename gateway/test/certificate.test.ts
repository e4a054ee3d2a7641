import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { selfSignedCertificate } from '../src/certificate.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'carillon-certificate-'));
after(() => rmSync(dir, { recursive: true }));
const now = new Date();

test('a self-signed certificate names the address, is kept, and its key is private', async () => {
  const made = await selfSignedCertificate(dir, ['192.168.7.9'], now);
  const parsed = new X509Certificate(made.certificate);
  assert.equal(parsed.checkIP('192.168.7.9'), '192.168.7.9');
  assert.equal(parsed.checkHost('localhost'), 'localhost');
  assert.ok(new Date(parsed.validTo).getTime() - now.getTime() < 398 * 86_400_000);
  createSecureContext({ cert: made.certificate, key: made.key });
  assert.equal(statSync(path.join(dir, 'tls-key.pem')).mode & 0o077, 0);
  assert.deepEqual(await selfSignedCertificate(dir, ['192.168.7.9'], now), made);
});

test('another address, or an end in sight, makes a new one', async () => {
  const kept = await selfSignedCertificate(dir, ['192.168.7.9'], now);
  const moved = await selfSignedCertificate(dir, ['10.0.0.4'], now);
  assert.notEqual(moved.certificate, kept.certificate);
  const later = new Date(now.getTime() + 390 * 86_400_000);
  assert.notEqual((await selfSignedCertificate(dir, ['10.0.0.4'], later)).certificate, moved.certificate);
});
