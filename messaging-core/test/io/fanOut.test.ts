// The worker that brings group messages into queues: its retries, its notes, and
// a group of 1,024 over sockets while the server is killed.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Address, type Handle, LIMITS } from '@carillon/protocol';
import type { CarillonEvent, EventLog } from '@carillon/service';
import type { FanOutStep, GroupAcceptOutcome, GroupStore, NewGroupMessage } from '../../src/core/messagingStore.ts';
import { SqliteStore } from '../../src/index.ts';
import { startProcess } from '../serviceProcess.ts';
import { messageId, TestDevice } from '../testDevice.ts';
import {
  createGroup,
  creation,
  fetchGroup,
  groupSend,
  groupSendRequest,
  member,
  newAccountId,
  rosterOf,
  signed,
} from '../testGroup.ts';
import { startServer, tempDir } from '../testServer.ts';
import { refusal, type TestSocket } from '../testSocket.ts';

/** A real store that is out of order now and then. */
class FailingStore extends SqliteStore {
  failures = 0;
  isFull = false;

  override async fanOut(step: Parameters<GroupStore['fanOut']>[0]): Promise<FanOutStep> {
    if (this.failures > 0) {
      this.failures--;
      throw new Error('disk I/O error');
    }
    return super.fanOut(step);
  }

  override async acceptGroupMessage(message: NewGroupMessage): Promise<GroupAcceptOutcome> {
    return this.isFull ? { type: 'backlog-full' } : super.acceptGroupMessage(message);
  }
}

async function failing(t: TestContext, events?: EventLog) {
  const store = new FailingStore(path.join(await tempDir(t), 'messaging.db'));
  const server = await startServer(t, {}, { store, ...(events ? { events } : {}) });
  const [ana, ben] = [await TestDevice.register(server, 'ana'), await TestDevice.register(server, 'ben')];
  const [a, b] = [await ana.connect(), await ben.connect()];
  const { groupId } = await createGroup(a, ana, [ben]);
  return { server, store, ana, ben, a, b, groupId };
}

test('[GROUP-14] what the store refuses is tried again, and comes in order', async (t) => {
  const { store, a, b, groupId } = await failing(t);
  store.failures = 4;
  const sent = [messageId(), messageId(), messageId()];
  for (const id of sent) await groupSend(a, groupId, { messageId: id });
  await b.delivered(3);
  assert.deepEqual(
    b.deliveries.map((delivery) => delivery.messageId),
    sent,
  );
  assert.equal(store.failures, 0);
  await groupSend(a, groupId);
  await b.delivered(4);
});

test('[GROUP-14] when too much waits to be brought, senders are told to wait', async (t) => {
  const { store, a, b, groupId } = await failing(t);
  store.isFull = true;
  const refused = await refusal(groupSend(a, groupId));
  assert.deepEqual([refused.code, refused.retryAfterMs > 0], ['queue-full', true]);
  store.isFull = false;
  await groupSend(a, groupId);
  await b.delivered(1);
});

/** Keeps what it is told; nobody reads it. */
class HeardEvents implements Pick<EventLog, 'append'> {
  readonly events: CarillonEvent[] = [];
  #waiting: (() => void)[] = [];

  async append(event: CarillonEvent): Promise<void> {
    this.events.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(count: number, type: CarillonEvent['type']): Promise<CarillonEvent[]> {
    for (;;) {
      const found = this.events.filter((event) => event.type === type);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

test('[MSG-17] who is to be woken, who came and went, and what was delivered is noted', async (t) => {
  const heard = new HeardEvents();
  const { server, ana, ben, a, b, groupId } = await failing(t, heard as unknown as EventLog);
  await heard.until(2, 'device-connected');
  await groupSend(a, groupId);
  const [delivery] = await b.delivered(1);
  await b.ack(delivery!.seq);
  const [delivered] = await heard.until(1, 'envelopes-delivered');
  assert.deepEqual(delivered, { type: 'envelopes-delivered', ...ben.address, count: 1 });
  assert.equal(
    heard.events.some(({ type }) => type === 'envelope-waiting'),
    false,
    'both are connected',
  );
  await b.close();
  assert.deepEqual(await heard.until(1, 'device-disconnected'), [{ type: 'device-disconnected', ...ben.address }]);
  await groupSend(a, groupId, { urgent: true });
  const [urgent] = await heard.until(1, 'envelope-waiting');
  assert.ok(urgent?.type === 'envelope-waiting' && urgent.urgent);
  assert.deepEqual([urgent.accountId, urgent.deviceId], [ben.accountId, ben.deviceId]);
  assert.ok(Math.abs(urgent.expiresAtMs - Date.now() - LIMITS.ringMs) < 10_000);
  const expiresAtMs = Date.now() + 30_000;
  await a.send(ben.address, { expiresAtMs });
  const [, ordinary] = await heard.until(2, 'envelope-waiting');
  assert.deepEqual(ordinary, { type: 'envelope-waiting', ...ben.address, urgent: false, expiresAtMs });
  await TestDevice.register(server, 'ana');
  const removed = await heard.until(1, 'device-removed');
  assert.deepEqual(removed, [{ type: 'device-removed', ...ana.address }]);
});

test('[MSG-17] one device is said to wait at once, and once more for all that came shortly after', async (t) => {
  const heard = new HeardEvents();
  const { server, a, b, ben } = await failing(t, heard as unknown as EventLog);
  await b.close();
  await heard.until(1, 'device-disconnected');
  const expiresAtMs = Date.now() + 50_000;
  for (let count = 0; count < 20; count++) await a.send(ben.address, { expiresAtMs: expiresAtMs + count });
  const [first] = await heard.until(1, 'envelope-waiting');
  assert.ok(first?.type === 'envelope-waiting' && first.expiresAtMs === expiresAtMs);
  await a.send(ben.address, { urgent: true });
  await heard.until(2, 'envelope-waiting');
  // A call is said at once; the others are said by the end of the second, or of the server.
  await server.close();
  const said = heard.events.flatMap((event) => (event.type === 'envelope-waiting' ? [event] : []));
  const ordinary = said.filter(({ urgent }) => !urgent);
  assert.equal(said.length, ordinary.length + 1);
  assert.ok(ordinary.length >= 2 && ordinary.length <= 6, 'not twenty');
  assert.equal(ordinary.at(-1)!.expiresAtMs, expiresAtMs + 19);
});

const MEMBERS = 1024;
const CONNECTED = 40;

/** Members whom nobody is: accounts with a device each, as the store holds them. */
async function addAccounts(dataDir: string, count: number): Promise<Address[]> {
  const store = new SqliteStore(path.join(dataDir, 'messaging/messaging.db'));
  const added = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const device = {
        identityKey: randomBytes(32),
        signedPrekey: { id: 1, publicKey: randomBytes(32), signature: randomBytes(64) },
        oneTimePrekeys: [],
        kemPrekeys: [],
        lastResortKemPrekey: { id: 1, publicKey: new Uint8Array(1568), signature: new Uint8Array(64) },
      };
      const handle = `nobody${index}` as Handle;
      return (await store.registerDevice(handle, newAccountId(), device, Date.now())).address;
    }),
  );
  await store.close();
  return added;
}

test('[GROUP-5] 1,024 members: everyone has every message once and in order, though the server is killed meanwhile', async (t) => {
  const dataDir = await tempDir(t);
  const first = await startProcess(t, dataDir);
  const names = Array.from({ length: CONNECTED + 1 }, (_, index) => `member${index}`);
  const devices = await Promise.all(names.map((name) => TestDevice.register(first, name)));
  const sender = devices.shift()!;
  await first.kill('SIGTERM');
  const others = await addAccounts(dataDir, MEMBERS - CONNECTED - 1);

  const second = await startProcess(t, dataDir);
  const from = await sender.connect(second);
  const base = creation(sender, devices);
  const change = signed(sender, { ...base, put: [...base.put, ...others.map((address) => member(address))] });
  const roster = rosterOf(await from.request({ case: 'createGroup', value: { change } }, 'group'));
  assert.equal(roster.members.size, MEMBERS);
  const half = await Promise.all(devices.slice(0, CONNECTED / 2).map((device) => device.connect(second)));
  const { revision } = await fetchGroup(from, roster.groupId);
  const sent = Array.from({ length: 20 }, () => messageId());
  // All accepted before the first has come to everyone.
  await Promise.all(
    sent.map((id) =>
      from.request({ case: 'groupSend', value: groupSendRequest(revision!, { messageId: id }) }, 'sent'),
    ),
  );
  await second.kill('SIGKILL');
  for (const socket of half) assert.deepEqual(ids(socket), sent.slice(0, socket.deliveries.length));
  // Killed again while it goes on with what it had not finished.
  await (await startProcess(t, dataDir)).kill('SIGKILL');

  const last = await startProcess(t, dataDir);
  const sockets = await Promise.all(devices.map((device) => device.connect(last)));
  const again = await sender.connect(last);
  for (let count = 0; count < 2; count++) {
    const id = messageId();
    sent.push(id);
    await groupSend(again, roster.groupId, { messageId: id });
  }
  for (const socket of sockets) {
    await socket.delivered(sent.length);
    assert.deepEqual(ids(socket), sent);
  }
  assert.equal(again.deliveries.length, 0);
  await last.kill('SIGTERM');
  await assertQueues(dataDir, others, sent);
});

async function assertQueues(dataDir: string, members: readonly Address[], sent: readonly string[]): Promise<void> {
  const store = new SqliteStore(path.join(dataDir, 'messaging/messaging.db'));
  const nowMs = Date.now();
  const limits = { messagesMax: 1000, bytesMax: 1 << 20, senderPercent: 100 };
  while ((await store.fanOut({ devicesMax: 1000, limits, nowMs })).more);
  for (const address of members) {
    const queued = await store.page(address, { urgent: false, afterSeq: 0, limit: 100, nowMs });
    assert.deepEqual(
      queued.map((envelope) => envelope.messageId),
      sent,
    );
  }
  await store.close();
}

function ids(socket: TestSocket): string[] {
  return socket.deliveries.map((delivery) => delivery.messageId);
}
