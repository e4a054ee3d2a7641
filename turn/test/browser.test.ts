// Chromium through the relay and nothing else: two connections of one page,
// each only by TURN, over UDP, TCP and TLS.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Browser, chromium } from 'playwright-core';
import { generate } from 'selfsigned';
import { Relay, type RelayPorts } from '../src/index.ts';
import { echo } from './echoPage.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { credential } from './turnClient.ts';

const executablePath =
  process.env.CARILLON_CHROMIUM ?? ['/usr/lib/chromium/chromium', '/usr/bin/chromium'].find((path) => existsSync(path));
const skip = executablePath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM';
let relay: Relay;
let ports: RelayPorts;
let browser: Browser | undefined;

before(async () => {
  if (!executablePath) return;
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  const tls = { port: 0, cert: made.cert, key: made.private };
  relay = new Relay(relayOptions({ tcpPort: 0, tls, allocationsPerUserMax: 50 }));
  ports = await relay.start();
  browser = await chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--allow-loopback-in-peer-connection'],
      // The relay's is self-signed here.
      '--ignore-certificate-errors',
    ],
  });
});
after(async () => {
  await browser?.close();
  await relay?.stop();
});

for (const over of ['udp', 'tcp', 'tls'] as const) {
  test(`[TURN-11] two connections of Chromium talk by the relay over ${over}`, { skip, timeout: 30_000 }, async () => {
    const page = await browser!.newPage();
    const { username, password } = credential(SECRET, over, Math.floor(Date.now() / 1000) + 3600);
    const urls =
      over === 'tls' ? `turns:127.0.0.1:${ports.tls}?transport=tcp` : `turn:127.0.0.1:${ports[over]}?transport=${over}`;
    const seen = await page.evaluate(echo, { urls, username, credential: password });
    assert.deepEqual(seen, { echoed: 'there and back', type: 'relay', relayProtocol: over });
    await page.close();
  });
}
