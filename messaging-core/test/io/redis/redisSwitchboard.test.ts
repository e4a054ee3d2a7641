import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { DeviceId } from '@carillon/protocol';
import { RedisLink } from '@carillon/service/redis';
import { RedisServer } from '@carillon/service/testing';
import { type DeviceSignal, EVERYTHING, type PresenceState } from '../../../src/core/switchboard.ts';
import { RedisSwitchboard } from '../../../src/io/redis/redisSwitchboard.ts';
import { Inbox, newAddress, switchboardContract } from '../../switchboardContract.ts';

const shared = RedisServer.start({ after });

interface Node {
  readonly board: RedisSwitchboard;
  readonly link: RedisLink;
}

async function openNode(t: TestContext, server: RedisServer, node: string): Promise<Node> {
  const link = await RedisLink.connect({ url: server.url });
  const board = await RedisSwitchboard.open({ link, node, now: Date.now });
  t.after(async () => {
    await board.close();
    await link.close();
  });
  return { board, link };
}

switchboardContract('RedisSwitchboard, two nodes', async (t) => {
  const server = await shared;
  const [here, there] = [await openNode(t, server, 'here'), await openNode(t, server, 'there')];
  return { here: here.board, there: there.board };
});

switchboardContract('RedisSwitchboard, one node', async (t) => {
  const { board } = await openNode(t, await shared, 'alone');
  return { here: board, there: board };
});

test('[NODE-6] what a dead node left is not believed, and a device of it connects elsewhere at once', async (t) => {
  const server = await shared;
  const [dead, alive] = [await openNode(t, server, 'dead'), await openNode(t, server, 'alive')];
  const address = newAddress();
  await (await dead.board.attach(address, () => {})).setActive(true);
  assert.equal(await alive.board.isActive(address.accountId), true);
  // Its connections end without a word, as by kill -9; its entry stays.
  await dead.link.close();
  assert.equal(await alive.board.signal(address, { type: 'queued' }), false, 'nobody hears it');
  const inbox = new Inbox<DeviceSignal>();
  await alive.board.attach(address, inbox.receive);
  assert.equal(await alive.board.signal(address, { type: 'queued' }), true);
  await inbox.first(1);
});

test('[NODE-6] the lease of a node that is gone ends by itself', async (t) => {
  const server = await shared;
  const link = await RedisLink.connect({ url: server.url });
  t.after(() => link.close());
  await openNode(t, server, 'leased');
  const [keys] = (await link.everywhere(['KEYS', 'carillon:{n:leased.*'])) as [Buffer[]];
  assert.equal(keys.length, 1);
  const lifeMs = Number(await link.command(keys[0]!.toString(), ['PTTL', keys[0]!]));
  assert.ok(lifeMs > 0 && lifeMs <= 15_000, `${lifeMs}`);
});

test('[NODE-8] a device is told to look into its queue now and then, whatever signal was lost', async (t) => {
  const link = await RedisLink.connect({ url: (await shared).url });
  const board = await RedisSwitchboard.open({ link, node: 'looks', now: Date.now, lookAgainMs: 100 });
  t.after(async () => {
    await board.close();
    await link.close();
  });
  const inboxes = Array.from({ length: 150 }, () => new Inbox<DeviceSignal>());
  for (const inbox of inboxes) await board.attach(newAddress(), inbox.receive);
  for (const inbox of inboxes) assert.deepEqual(await inbox.first(2), [{ type: 'queued' }, { type: 'queued' }]);
});

test('[NODE-7] after Redis was away, devices and subscriptions are there again', { timeout: 30_000 }, async (t) => {
  const server = await RedisServer.start(t, ['--appendonly', 'no']);
  const [here, there] = [await openNode(t, server, 'here'), await openNode(t, server, 'there')];
  const address = newAddress();
  const inbox = new Inbox<DeviceSignal>();
  const seen = new Inbox<PresenceState>();
  const invalidated = new Inbox<string>();
  there.board.onInvalidate(invalidated.receive);
  await (await here.board.attach(address, inbox.receive)).setActive(true);
  await there.board.watchPresence(address.accountId, seen.receive);
  await server.kill();
  while (here.board.problem() === undefined || there.board.problem() === undefined)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(here.board.problem()!, /Redis cannot be reached/);
  // A device that comes meanwhile is served by its node.
  const other = { ...address, deviceId: 2 as DeviceId };
  const meanwhile = new Inbox<DeviceSignal>();
  await here.board.attach(other, meanwhile.receive);
  assert.equal(await here.board.signal(other, { type: 'queued' }), true);
  assert.equal(await there.board.signal(address, { type: 'queued' }), false);
  // Without an append-only file it has forgotten everything.
  await server.start();
  assert.deepEqual(await inbox.first(1), [{ type: 'queued' }], 'its queue is to be read again');
  assert.deepEqual((await invalidated.first(1))[0], EVERYTHING);
  while (!(await there.board.signal(address, { type: 'devices-changed' }).catch(() => false)))
    await new Promise((resolve) => setTimeout(resolve, 20));
  await inbox.first(2);
  assert.deepEqual(inbox.all.at(-1), { type: 'devices-changed' });
  assert.equal(await there.board.isConnected(other), true);
  assert.equal(await there.board.isActive(address.accountId), true);
  assert.equal(there.board.problem(), undefined);
});

test('[NODE-7] a device that left while Redis was away is not believed to be there', { timeout: 30_000 }, async (t) => {
  const server = await RedisServer.start(t);
  const [here, there] = [await openNode(t, server, 'here'), await openNode(t, server, 'there')];
  const address = newAddress();
  const attachment = await here.board.attach(address, () => {});
  await server.kill();
  await attachment.detach();
  await server.start();
  while (there.board.problem() !== undefined || (await there.board.isConnected(address).catch(() => true)))
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await there.board.signal(address, { type: 'queued' }), false);
});
