import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog } from '@carillon/service';
import { ServiceProcess } from '../src/serviceProcess.ts';

/** What a service is given, by one that only says so and fails. */
async function environment(t: TestContext, env: Record<string, string>, defaults: Record<string, string>) {
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-service-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const main = path.join(dir, 'main.mjs');
  writeFileSync(main, `process.send({ type: 'failed', words: JSON.stringify(process.env) });`);
  const service = new ServiceProcess({
    ...{ name: 'it', main, env, defaults, portVariable: 'CARILLON_IT_PORT', log: silentLog, quiet: true },
  });
  const error = await service.start().then(
    () => assert.fail('it started'),
    (failure: Error) => failure,
  );
  await service.stop();
  return JSON.parse(error.message.slice('it: '.length)) as Record<string, string>;
}

test("[TURN-46] the operator's value goes before what is proposed, an empty one too, and gives way to what is told", async (t) => {
  const own = { CARILLON_TURN_ALLOW_PEERS: '', CARILLON_TURN_RELAY_ADDRESS: '203.0.113.7', CARILLON_TURN_PORT: '1' };
  Object.assign(process.env, own);
  t.after(() => {
    for (const name of Object.keys(own)) delete process.env[name];
  });
  const proposed = { CARILLON_TURN_ALLOW_PEERS: '10.0.0.0/8', CARILLON_TURN_RELAY_ADDRESS: '10.0.0.1' };
  const given = await environment(t, { CARILLON_TURN_PORT: '3478' }, { ...proposed, CARILLON_TURN_LISTEN: '10.0.0.1' });
  assert.equal(given.CARILLON_TURN_ALLOW_PEERS, '');
  assert.equal(given.CARILLON_TURN_RELAY_ADDRESS, '203.0.113.7');
  assert.equal(given.CARILLON_TURN_LISTEN, '10.0.0.1');
  assert.equal(given.CARILLON_TURN_PORT, '3478');
});
