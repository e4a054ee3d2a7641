// The whole process tree, started for real.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '@carillon/service';
import { SERVICE_NAMES, type System, type SystemOptions, startSystem } from '../src/index.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'carillon-gateway-'));
let system: System;
const options = (over: Partial<SystemOptions> = {}): SystemOptions => ({
  dataDir: path.join(dir, 'data'),
  host: '127.0.0.1',
  port: 0,
  mediaAddress: '127.0.0.1',
  turnPort: 0,
  sfuPort: 0,
  webDir: dir,
  log: silentLog,
  quiet: true,
  ...over,
});
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

before(async () => {
  writeFileSync(path.join(dir, 'index.html'), '<!doctype html><title>the app</title>');
  system = await startSystem(options());
});
after(async () => {
  await system?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('[GATE-1] all five services are healthy behind one port, and none of them from elsewhere', async () => {
  const health = await system.health();
  for (const name of SERVICE_NAMES) assert.deepEqual(health[name], { service: name, ok: true, problems: [] });
  for (const segment of ['messaging', 'signaling', 'sfu', 'media', 'turn']) {
    assert.equal((await fetch(`${system.url}${segment}/health`)).status, 200, segment);
  }
});

test('[GATE-2] every other path is the app, with headers that keep it to its own origin', async () => {
  for (const page of ['', 'chat/bob']) {
    const response = await fetch(system.url + page);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /the app/);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'self'/);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  }
  assert.equal((await fetch(`${system.url}messaging/nothing-here`)).status, 404);
});

test('[GATE-3] targets that are no URLs, and rubbish, end nothing', async () => {
  for (const text of [
    'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'rubbish\r\n\r\n',
    'GET /sfu// HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    // Names that every object has are no services.
    'GET /constructor HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /__proto__/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /toString HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ]) {
    const socket = connect(system.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    socket.resume();
    await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
  }
  assert.equal((await fetch(system.url)).status, 200);
});

test('[GATE-4] a service that is killed is started again on its port; meanwhile it is said', async () => {
  const { signaling } = system.services;
  const { pid, port } = signaling;
  process.kill(pid!, 'SIGKILL');
  while (isAlive(pid!)) await new Promise((resolve) => setTimeout(resolve, 10));
  const meanwhile = await fetch(`${system.url}signaling/health`);
  assert.ok([200, 503].includes(meanwhile.status));
  const deadline = Date.now() + 15_000;
  while (!(await system.health()).signaling.ok) assert.ok(Date.now() < deadline, 'it did not come back');
  assert.notEqual(signaling.pid, pid);
  assert.equal(signaling.port, port);
});

test('[GATE-5] a port that is taken is an error in words, and nothing is left running', async () => {
  const blocker = createServer();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const address = blocker.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await assert.rejects(startSystem(options({ dataDir: path.join(dir, 'other'), port })), /EADDRINUSE/);
  blocker.close();
});

test('[GATE-6] stopping ends every process', async () => {
  const pids = SERVICE_NAMES.map((name) => system.services[name].pid!);
  await system.stop();
  for (const pid of pids) assert.equal(isAlive(pid), false);
  await assert.rejects(fetch(system.url));
});
