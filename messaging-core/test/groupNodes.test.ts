// Groups, presence and blocks where members are connected to different nodes of
// one system on a real Redis.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Presence, PresenceAudience } from '@carillon/protocol';
import { RedisServer } from '@carillon/service/testing';
import { startProcess } from './serviceProcess.ts';
import { messageId, TestDevice } from './testDevice.ts';
import { changeGroup, createGroup, groupSend, member } from './testGroup.ts';
import { tempDir } from './testServer.ts';
import { refusal, type TestSocket } from './testSocket.ts';

const TIMEOUT = { timeout: 60_000 };

async function twoNodes(t: TestContext) {
  const redis = await RedisServer.start(t);
  const env = { CARILLON_REDIS_URL: redis.url };
  const nodes = await Promise.all([startProcess(t, await tempDir(t), env), startProcess(t, await tempDir(t), env)]);
  return nodes as [(typeof nodes)[0], (typeof nodes)[0]];
}

const ids = (socket: TestSocket) => socket.deliveries.map((delivery) => delivery.messageId);

test('[GROUP-4] [GROUP-5] [MSG-15] a group whose members are on two nodes, one of which dies', TIMEOUT, async (t) => {
  const [one, two] = await twoNodes(t);
  const names = Array.from({ length: 12 }, (_, index) => `member${index}`);
  const devices: TestDevice[] = [];
  for (const name of names) devices.push(await TestDevice.register(one, name));
  const sockets = await Promise.all(devices.map((device, index) => device.connect(index % 2 === 0 ? one : two)));
  const made = await createGroup(sockets[0]!, devices[0]!, devices.slice(1));
  const sent = Array.from({ length: 10 }, () => messageId());
  for (const [index, id] of sent.entries()) await groupSend(sockets[index % 2]!, made.groupId, { messageId: id });
  for (const socket of sockets.slice(2)) {
    await socket.delivered(sent.length);
    assert.deepEqual(ids(socket), sent);
  }
  const typing = messageId();
  await groupSend(sockets[0]!, made.groupId, { messageId: typing, ephemeral: true });
  for (const socket of sockets.slice(2)) assert.equal((await socket.delivered(11))[10]!.messageId, typing);
  // Of two changes at once, on two nodes, one wins.
  const promoted = await changeGroup(sockets[0]!, devices[0]!, made, { put: [member(devices[1]!, 'admin')] });
  const race = await Promise.allSettled([
    changeGroup(sockets[0]!, devices[0]!, promoted, { removed: [devices[11]!.accountId] }),
    changeGroup(sockets[1]!, devices[1]!, promoted, { removed: [devices[10]!.accountId] }),
  ]);
  assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const out = race[0]!.status === 'fulfilled' ? 11 : 10;
  assert.equal((await refusal(groupSend(sockets[out]!, made.groupId))).code, 'group-unknown');
  // What the first node accepted right before its death, the second brings.
  const last = messageId();
  await groupSend(sockets[0]!, made.groupId, { messageId: last });
  await one.kill('SIGKILL');
  for (const socket of [sockets[3]!, sockets[5]!]) assert.equal((await socket.delivered(12))[11]!.messageId, last);
  const back = await devices[2]!.connect(two);
  await back.delivered(11);
  assert.deepEqual(ids(back), [...sent, last]);
});

test('[PRES-1] [PRES-4] [PRES-6] presence, privacy and blocks reach over nodes', TIMEOUT, async (t) => {
  const [one, two] = await twoNodes(t);
  const [ana, ben] = [await TestDevice.register(one, 'ana'), await TestDevice.register(one, 'ben')];
  const [a, b] = [await ana.connect(one), await ben.connect(two)];
  const told = async (count: number): Promise<Presence> => {
    const all = () => a.unasked.flatMap(({ body }) => (body.case === 'presence' ? [body.value] : []));
    await a.until(() => all().length >= count, 'presence');
    return all()[count - 1]!;
  };
  await b.request({ case: 'setPresence', value: { active: true } }, 'done');
  const before = await a.request(
    { case: 'watchPresence', value: { accountId: ben.accountId, watch: true } },
    'presence',
  );
  assert.equal(before.visible, false);
  const privacy = { presence: PresenceAudience.EVERYONE };
  await b.request({ case: 'setPrivacy', value: { privacy } }, 'privacy');
  assert.equal((await told(1)).online, true);
  await b.request({ case: 'setBlocked', value: { accountId: ana.accountId, blocked: true } }, 'done');
  assert.deepEqual([(await told(2)).visible, (await told(2)).online], [false, false]);
  await a.send(ben.address);
  await b.request({ case: 'setBlocked', value: { accountId: ana.accountId, blocked: false } }, 'done');
  assert.equal((await told(3)).visible, true);
  await b.close();
  const gone = await told(4);
  assert.equal(gone.online, false);
  assert.ok(gone.lastSeenMs > 0n);
  const again = await ben.connect(one);
  await again.next('drained');
  assert.equal(again.deliveries.length, 0);
});
