// One ciphertext in, every member's device has it once, in order.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EnvelopeKind, LIMITS } from '@carillon/protocol';
import { messageId, TestDevice } from '../testDevice.ts';
import { changeGroup, createGroup, fetchGroup, groupSend, groupSendRequest, member, newGroupId } from '../testGroup.ts';
import { startServer } from '../testServer.ts';
import { refusal, type TestSocket } from '../testSocket.ts';

async function groupOf(t: TestContext, handles: readonly string[], env: Record<string, string> = {}) {
  const server = await startServer(t, env);
  const devices = await Promise.all(handles.map((handle) => TestDevice.register(server, handle)));
  const sockets = await Promise.all(devices.map((device) => device.connect()));
  const roster = await createGroup(sockets[0]!, devices[0]!, devices.slice(1));
  return { server, devices, sockets, roster, groupId: roster.groupId };
}

const ids = (socket: TestSocket) => socket.deliveries.map((delivery) => delivery.messageId);

/** What is in the queue of a device that has just connected. */
async function waiting(device: TestDevice): Promise<string[]> {
  const socket = await device.connect();
  await socket.next('drained');
  const found = ids(socket);
  await socket.close();
  return found;
}

test('[GROUP-4] one ciphertext comes to every device but the sending one, connected or not, in order', async (t) => {
  const { devices, sockets, groupId } = await groupOf(t, ['ana', 'ben', 'cyd', 'dan']);
  await sockets[3]!.close();
  const sent = [messageId(), messageId(), messageId()];
  const ciphertext = new Uint8Array([9, 8, 7]);
  for (const id of sent) await groupSend(sockets[0]!, groupId, { messageId: id, ciphertext });
  for (const socket of sockets.slice(1, 3)) {
    const deliveries = await socket.delivered(3);
    assert.deepEqual(ids(socket), sent);
    const { from, kind, groupId: said, ciphertext: got } = deliveries[0]!;
    assert.deepEqual([from!.accountId, from!.deviceId], [devices[0]!.accountId, devices[0]!.deviceId]);
    assert.deepEqual([kind, said, Buffer.from(got)], [EnvelopeKind.SENDER_KEY, groupId, Buffer.from(ciphertext)]);
  }
  assert.deepEqual(await waiting(devices[3]!), sent);
  assert.equal(sockets[0]!.deliveries.length, 0);
  // What is sent from one device of an account comes to its others.
  const linked = await TestDevice.link(devices[0]!);
  const own = messageId();
  const again = await devices[0]!.connect();
  await groupSend(again, groupId, { messageId: own });
  await sockets[1]!.delivered(4);
  assert.deepEqual(await waiting(linked), [own]);
  assert.equal(again.deliveries.length, 0);
});

test('[GROUP-13] a send that does not know the group of now is told its revisions, and nothing is stored', async (t) => {
  const { server, devices, sockets, roster, groupId } = await groupOf(t, ['ana', 'ben', 'cyd']);
  const { revision } = await fetchGroup(sockets[0]!, groupId);
  const send = (from: TestSocket, known: Parameters<typeof groupSendRequest>[0], options = {}) =>
    from.request({ case: 'groupSend', value: groupSendRequest(known, options) }, 'sent');
  await changeGroup(sockets[0]!, devices[0]!, roster, { removed: [devices[2]!.accountId] });
  const stale = await refusal(send(sockets[1]!, revision!));
  assert.equal(stale.code, 'stale-group');
  assert.deepEqual([stale.staleGroup!.groupId, stale.staleGroup!.rosterRevision], [groupId, 2]);
  // With what the refusal says the mended send goes through, under the same id.
  const id = messageId();
  await refusal(send(sockets[1]!, revision!, { messageId: id }));
  await send(sockets[1]!, stale.staleGroup!, { messageId: id });
  assert.deepEqual((await sockets[0]!.delivered(1))[0]!.messageId, id);
  assert.equal(sockets[2]!.deliveries.length, 0);
  assert.equal((await refusal(send(sockets[2]!, stale.staleGroup!))).code, 'group-unknown');
  // A member's new device makes it stale as well.
  const before = (await fetchGroup(sockets[0]!, groupId)).revision!;
  await TestDevice.register(server, 'ben');
  const again = await refusal(send(sockets[0]!, before));
  assert.equal(again.code, 'stale-group');
  assert.ok(again.staleGroup!.devicesRevision > before.devicesRevision);
});

test('[GROUP-3] a repeat is answered as before and comes once', async (t) => {
  const { server, sockets, groupId } = await groupOf(t, ['ana', 'ben']);
  const id = messageId();
  const first = await groupSend(sockets[0]!, groupId, { messageId: id });
  server.clock.aheadMs = 5_000;
  assert.equal(await groupSend(sockets[0]!, groupId, { messageId: id }), first);
  const last = messageId();
  await groupSend(sockets[0]!, groupId, { messageId: last });
  await sockets[1]!.delivered(2);
  assert.deepEqual(ids(sockets[1]!), [id, last]);
});

test('[MSG-4] an urgent group message overtakes the others', async (t) => {
  const { devices, sockets, groupId } = await groupOf(t, ['ana', 'ben']);
  await sockets[1]!.close();
  const [ordinary, urgent] = [messageId(), messageId()];
  await groupSend(sockets[0]!, groupId, { messageId: ordinary });
  await groupSend(sockets[0]!, groupId, { messageId: urgent, urgent: true });
  const socket = await devices[1]!.connect();
  await socket.delivered(2);
  const order = await waiting(devices[1]!);
  assert.deepEqual(order, [urgent, ordinary]);
});

test('[GROUP-4] blocked senders and removed members: nothing comes, and nobody else notices', async (t) => {
  const { devices, sockets, roster, groupId } = await groupOf(t, ['ana', 'ben', 'cyd', 'dan']);
  const [a, b, c, d] = sockets as [TestSocket, TestSocket, TestSocket, TestSocket];
  await b.request({ case: 'setBlocked', value: { accountId: devices[0]!.accountId, blocked: true } }, 'done');
  await changeGroup(a, devices[0]!, roster, { removed: [devices[3]!.accountId] });
  const [fromAna, fromCyd] = [messageId(), messageId()];
  await groupSend(a, groupId, { messageId: fromAna });
  assert.equal((await c.delivered(1))[0]!.messageId, fromAna);
  await groupSend(c, groupId, { messageId: fromCyd });
  await a.delivered(1);
  assert.equal((await b.delivered(1))[0]!.messageId, fromCyd, 'others in the group are heard');
  assert.deepEqual(await waiting(devices[3]!), []);
  assert.equal(d.deliveries.length, 0);
});

test('invalid group sends are answered by their codes', async (t) => {
  const { sockets, groupId } = await groupOf(t, ['ana', 'ben']);
  const { revision } = await fetchGroup(sockets[0]!, groupId);
  const good = groupSendRequest(revision!);
  const bad: [object, string][] = [
    [{ messageId: 'short' }, 'invalid-request'],
    [{ groupId: 'g' }, 'invalid-request'],
    [{ groupId: newGroupId() }, 'group-unknown'],
    [{ ciphertext: new Uint8Array() }, 'invalid-request'],
    [{ ciphertext: new Uint8Array(LIMITS.envelopeBytesMax + 1) }, 'frame-too-large'],
    [{ devicesRevision: 2n ** 63n }, 'invalid-request'],
    [{ rosterRevision: 0 }, 'stale-group'],
  ];
  for (const [change, code] of bad) {
    for (const ephemeral of [false, true]) {
      const value = { ...good, messageId: messageId(), ephemeral, ...change };
      assert.equal((await refusal(sockets[0]!.request({ case: 'groupSend', value }, 'sent'))).code, code);
    }
  }
  await sockets[0]!.request({ case: 'groupSend', value: good }, 'sent');
});

test('[MSG-15] typing in a group comes to who is connected, is kept by nobody, and not heard by who blocks', async (t) => {
  const { devices, sockets, groupId } = await groupOf(t, ['ana', 'ben', 'cyd', 'dan']);
  const [a, b, c, d] = sockets as [TestSocket, TestSocket, TestSocket, TestSocket];
  await d.close();
  await c.request({ case: 'setBlocked', value: { accountId: devices[0]!.accountId, blocked: true } }, 'done');
  const id = messageId();
  await groupSend(a, groupId, { messageId: id, ephemeral: true });
  const [typing] = await b.delivered(1);
  assert.deepEqual([typing!.seq, typing!.messageId, typing!.groupId], [0n, id, groupId]);
  assert.deepEqual(await waiting(devices[3]!), []);
  await groupSend(b, groupId, { ephemeral: true });
  await c.delivered(1);
  assert.equal(c.deliveries[0]!.from!.accountId, devices[1]!.accountId, 'of the two only the one not blocked');
});

test('[GROUP-4] members added and removed meanwhile: who is in the group when it is brought gets it', async (t) => {
  const { devices, sockets, roster, groupId, server } = await groupOf(t, ['ana', 'ben']);
  const cyd = await TestDevice.register(server, 'cyd');
  const added = await changeGroup(sockets[0]!, devices[0]!, roster, { put: [member(cyd)] });
  const id = messageId();
  await groupSend(sockets[1]!, groupId, { messageId: id });
  await sockets[0]!.delivered(1);
  assert.deepEqual(await waiting(cyd), [id]);
  await changeGroup(sockets[0]!, devices[0]!, added, { removed: [cyd.accountId] });
});
