import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ProtocolError } from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { durabilityOf } from '../../../src/io/redis/durability.ts';
import { RedisShortLived } from '../../../src/io/redis/redisShortLived.ts';

async function open(t: TestContext, server: RedisServer, replicasMin: number): Promise<RedisLink> {
  const link = await RedisLink.connect({ url: server.url, replicasMin });
  t.after(() => link.close());
  return link;
}

test('[NODE-8] a write counts when as many replicas as configured have it', { timeout: 30_000 }, async (t) => {
  const primary = await RedisServer.start(t, ['--repl-diskless-sync-delay', '0']);
  const replica = await RedisServer.start(t, ['--replicaof', '127.0.0.1', `${primary.port}`]);
  const link = await open(t, primary, 1);
  const shortLived = new RedisShortLived(link);
  const put = () => shortLived.put('jwk', 'one', 'a', 60_000);
  // The replica may still be on its way to the primary.
  while (
    !(await put().then(
      () => true,
      () => false,
    ))
  );
  assert.equal(await new RedisShortLived(await open(t, replica, 0)).get('jwk', 'one'), 'a');
  assert.equal(link.problem(), undefined);
  await replica.kill();
  await assert.rejects(put(), (error) => error instanceof ProtocolError && error.code === 'internal-error');
  assert.match(link.problem()!, /only 0 of 1 replicas/);
  await replica.start();
  while (
    !(await put().then(
      () => true,
      () => false,
    ))
  );
  assert.equal(link.problem(), undefined);
});

test('a Redis that is full says storage-full, and is well again when there is room', async (t) => {
  const server = await RedisServer.start(t, ['--appendonly', 'no']);
  const link = await open(t, server, 0);
  const shortLived = new RedisShortLived(link);
  await link.everywhere(['CONFIG', 'SET', 'maxmemory', '1']);
  const full = (error: unknown) => error instanceof ProtocolError && error.code === 'storage-full';
  await assert.rejects(shortLived.put('jwk', 'one', 'a', 60_000), full);
  assert.match(link.problem()!, /OOM/);
  await link.everywhere(['CONFIG', 'SET', 'maxmemory', '0']);
  await shortLived.put('jwk', 'one', 'a', 60_000);
  assert.equal(link.problem(), undefined);
});

test('a Redis that is not there is said in words at the start, without its password', async () => {
  const connecting = RedisLink.connect({ url: 'redis://user:secret@127.0.0.1:1', startMs: 200 });
  await assert.rejects(
    connecting,
    (error: Error) => /Redis cannot be reached: ECONNREFUSED/.test(error.message) && !/secret/.test(error.message),
  );
});

test('scripts that Redis has forgotten are given to it again', async (t) => {
  const server = await RedisServer.start(t, ['--appendonly', 'no']);
  const link = await open(t, server, 0);
  const shortLived = new RedisShortLived(link);
  await shortLived.put('jwk', 'one', 'a', 60_000);
  await link.everywhere(['SCRIPT', 'FLUSH']);
  assert.equal(await shortLived.get('jwk', 'one'), 'a');
});

test('what is said of durability is what Redis is set to', () => {
  const said = (settings: Record<string, string>) => durabilityOf(new Map(Object.entries(settings)));
  assert.match(said({ appendonly: 'yes', appendfsync: 'always' }).words, /every write/);
  assert.match(said({ appendonly: 'yes', appendfsync: 'everysec' }).words, /last one or two seconds/);
  assert.equal(said({ appendonly: 'yes', appendfsync: 'no' }).isDurable, false);
  assert.equal(said({ appendonly: 'no', appendfsync: 'always' }).isDurable, false);
  const evicting = { appendonly: 'yes', appendfsync: 'always', maxmemory: '1', 'maxmemory-policy': 'allkeys-lru' };
  assert.match(said(evicting).words, /noeviction/);
});
