// What every adapter of the store port promises. An adapter's test calls this
// with a way to open it; `reopen` opens the same data after a clean close.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import {
  type AccountId,
  type Address,
  bytesToBase64url,
  type DeviceId,
  type Handle,
  type MessageId,
} from '@carillon/protocol';
import type { MessagingStore, NewDevice, NewMessage, QueueLimits } from '../src/core/messagingStore.ts';

export interface StoreUnderTest {
  readonly store: MessagingStore;
  reopen(): Promise<MessagingStore>;
}

const NOW = 1_800_000_000_000;
const ROOMY: QueueLimits = { messagesMax: 1000, bytesMax: 1 << 20 };
const newId = () => bytesToBase64url(randomBytes(16));

function newDevice(oneTimePrekeys = 0): NewDevice {
  return {
    identityKey: randomBytes(32),
    signedPrekey: { id: 1, publicKey: randomBytes(32), signature: randomBytes(64) },
    oneTimePrekeys: Array.from({ length: oneTimePrekeys }, (_, i) => ({ id: i + 1, publicKey: randomBytes(32) })),
    kemPrekeys: [],
    lastResortKemPrekey: undefined,
  };
}

async function register(store: MessagingStore, handle: string, device = newDevice()): Promise<Address> {
  return (await store.registerDevice(handle as Handle, newId() as AccountId, device, NOW)).address;
}

function newMessage(from: Address, to: Address, change: Partial<NewMessage> = {}): NewMessage {
  return {
    from,
    messageId: newId() as MessageId,
    to: to.accountId,
    urgent: false,
    acceptedAtMs: NOW,
    expiresAtMs: NOW + 1000,
    envelopes: [{ deviceId: to.deviceId, kind: 2, ciphertext: new Uint8Array([1, 2, 3]) }],
    ...change,
  };
}

const page = (
  store: MessagingStore,
  address: Address,
  change: { urgent?: boolean; nowMs?: number; limit?: number } = {},
) => store.page(address, { urgent: false, afterSeq: 0, limit: 100, nowMs: NOW, ...change });

export function storeContract(name: string, open: (t: TestContext) => Promise<StoreUnderTest>): void {
  const contract = (title: string, run: (under: StoreUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => run(await open(t)));

  contract('a handle has one account; registering again replaces its devices, with new ids', async ({ store }) => {
    const first = await store.registerDevice('ana' as Handle, newId() as AccountId, newDevice(3), NOW);
    assert.deepEqual(first.removed, []);
    const second = await store.registerDevice('ana' as Handle, newId() as AccountId, newDevice(1), NOW);
    assert.equal(second.address.accountId, first.address.accountId);
    assert.deepEqual(second.removed, [first.address.deviceId]);
    assert.ok(second.address.deviceId > first.address.deviceId);
    assert.deepEqual(await store.device(first.address), { type: 'removed' });
    const found = await store.accountByHandle('ana' as Handle);
    assert.deepEqual(found, { ...found, accountId: first.address.accountId, deviceIds: [second.address.deviceId] });
    assert.deepEqual(await store.accountById(first.address.accountId), found);
    const lookup = await store.device(second.address);
    assert.equal(lookup.type === 'present' && lookup.oneTimePrekeys, 1);
    assert.deepEqual(await store.device({ ...second.address, deviceId: 99 as DeviceId }), { type: 'unknown' });
    assert.equal(await store.accountByHandle('ben' as Handle), undefined);
  });

  contract('a one-time prekey goes to one asker only', async ({ store }) => {
    const device = newDevice(5);
    const ana = await register(store, 'ana', device);
    const taken = await Promise.all(Array.from({ length: 8 }, () => store.takeBundles(ana.accountId, [])));
    const ids = taken.map((bundles) => bundles!.bundles[0]!.oneTimePrekey?.id);
    assert.deepEqual(ids, [1, 2, 3, 4, 5, undefined, undefined, undefined]);
    assert.deepEqual(Buffer.from(taken[0]!.bundles[0]!.identityKey), device.identityKey);
    assert.equal(taken[0]!.bundles[0]!.oneTimePrekeysLeft, 4);
    assert.deepEqual(await store.takeBundles(ana.accountId, [99 as DeviceId]), { bundles: [], deviceList: undefined });
    assert.equal(await store.takeBundles(newId() as AccountId, []), undefined);
  });

  contract('prekeys are added up to the limit, ids held are passed over', async ({ store }) => {
    const ana = await register(store, 'ana', newDevice(2));
    const more = Array.from({ length: 5 }, (_, i) => ({ id: i + 2, publicKey: randomBytes(32) }));
    const none = { signed: undefined, oneTime: [], kem: [], lastResortKem: undefined };
    const max = { oneTime: 4, kem: 4 };
    assert.deepEqual(await store.publishPrekeys(ana, { ...none, oneTime: more }, max), { oneTime: 4, kem: 0 });
    const signed = { id: 9, publicKey: randomBytes(32), signature: randomBytes(64) };
    assert.deepEqual(await store.publishPrekeys(ana, { ...none, signed }, max), { oneTime: 4, kem: 0 });
    assert.equal((await store.takeBundles(ana.accountId, []))!.bundles[0]!.signedPrekey.id, 9);
    assert.equal(await store.publishPrekeys({ ...ana, deviceId: 99 as DeviceId }, none, max), undefined);
  });

  contract('[MSG-1] an accepted envelope survives; [MSG-2] until it is acknowledged', async ({ store, reopen }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const message = newMessage(ana, ben);
    assert.deepEqual(await store.enqueue(message, ROOMY), { type: 'stored', acceptedAtMs: NOW });
    await store.enqueue(newMessage(ana, ben), ROOMY);
    const reopened = await reopen();
    const queued = await page(reopened, ben);
    assert.equal(queued.length, 2);
    const { seq, ciphertext, ...rest } = queued[0]!;
    assert.deepEqual(rest, {
      urgent: false,
      messageId: message.messageId,
      from: ana,
      groupId: undefined,
      kind: 2,
      acceptedAtMs: NOW,
    });
    assert.deepEqual(Buffer.from(ciphertext), Buffer.from([1, 2, 3]));
    await reopened.acknowledge(ben, [seq, 12345]);
    await reopened.acknowledge(ana, [queued[1]!.seq]);
    assert.deepEqual(
      (await page(reopened, ben)).map((envelope) => envelope.seq),
      [queued[1]!.seq],
    );
  });

  contract('[MSG-3] a repeated id is stored once, over a restart too', async ({ store, reopen }) => {
    const [ana, ben, cyd] = [await register(store, 'ana'), await register(store, 'ben'), await register(store, 'cyd')];
    const message = newMessage(ana, ben);
    const later = { ...message, acceptedAtMs: NOW + 50 };
    const outcomes = await Promise.all([store.enqueue(message, ROOMY), store.enqueue(later, ROOMY)]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.type),
      ['stored', 'repeated'],
    );
    const reopened = await reopen();
    assert.deepEqual(await reopened.enqueue(later, ROOMY), { type: 'repeated', acceptedAtMs: NOW });
    assert.equal((await page(reopened, ben)).length, 1);
    // The same id from another device, or to another account, is another message.
    assert.equal((await reopened.enqueue({ ...message, from: cyd }, ROOMY)).type, 'stored');
    assert.equal(
      (await reopened.enqueue({ ...newMessage(ana, cyd), messageId: message.messageId }, ROOMY)).type,
      'stored',
    );
    // A repeat is answered even when the recipient's devices have changed since.
    await register(reopened, 'ben');
    assert.equal((await reopened.enqueue(message, ROOMY)).type, 'repeated');
  });

  contract('[MSG-5] refusals store nothing', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const ghost = { deviceId: 9 as DeviceId, kind: 1 as const, ciphertext: new Uint8Array(1) };
    const message = newMessage(ana, ben);
    const stale = await store.enqueue({ ...message, envelopes: [...message.envelopes, ghost] }, ROOMY);
    assert.deepEqual(stale, { type: 'stale-devices', difference: { missing: [], gone: [9] } });
    const unnamed = await store.enqueue({ ...message, envelopes: [] }, ROOMY);
    assert.deepEqual(unnamed, { type: 'stale-devices', difference: { missing: [ben.deviceId], gone: [] } });
    assert.deepEqual(await store.enqueue({ ...message, to: newId() as AccountId }, ROOMY), { type: 'account-unknown' });
    assert.deepEqual(await store.enqueue({ ...message, from: { ...ana, deviceId: 9 as DeviceId } }, ROOMY), {
      type: 'sender-removed',
    });
    assert.equal((await page(store, ben)).length, 0);
    assert.equal((await store.enqueue(message, ROOMY)).type, 'stored');
  });

  contract('[MSG-6] queues are limited by count and bytes; what expired does not count', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const tight = { messagesMax: 2, bytesMax: 8 };
    const put = (nowMs = NOW, bytes = 3) =>
      store.enqueue(
        newMessage(ana, ben, {
          acceptedAtMs: nowMs,
          expiresAtMs: nowMs + 1000,
          envelopes: [{ deviceId: ben.deviceId, kind: 2, ciphertext: new Uint8Array(bytes) }],
        }),
        tight,
      );
    assert.equal((await put()).type, 'stored');
    assert.equal((await put(NOW, 6)).type, 'queue-full');
    assert.equal((await put()).type, 'stored');
    assert.deepEqual(await put(NOW, 1), { type: 'queue-full', deviceId: ben.deviceId });
    assert.equal((await put(NOW + 1000)).type, 'stored');
    const [left, ...others] = await page(store, ben, { nowMs: NOW + 1000 });
    assert.equal(others.length, 0);
    await store.acknowledge(ben, [left!.seq, left!.seq]);
    assert.equal((await put(NOW, 8)).type, 'stored');
  });

  contract('[MSG-4] pages keep the order of acceptance, urgent apart; seqs are never used again', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const messages = Array.from({ length: 200 }, (_, i) => newMessage(ana, ben, { urgent: i % 5 === 0 }));
    await Promise.all(messages.map((message) => store.enqueue(message, ROOMY)));
    for (const urgent of [false, true]) {
      const queued = await page(store, ben, { urgent, limit: 1000 });
      const expected = messages.filter((message) => message.urgent === urgent).map((message) => message.messageId);
      assert.deepEqual(
        queued.map((envelope) => envelope.messageId),
        expected,
      );
      const after = await store.page(ben, { urgent, afterSeq: queued[2]!.seq, limit: 2, nowMs: NOW });
      assert.deepEqual(after, queued.slice(3, 5));
    }
    const all = [...(await page(store, ben, { limit: 1000 })), ...(await page(store, ben, { urgent: true }))];
    await store.acknowledge(
      ben,
      all.map((envelope) => envelope.seq),
    );
    await store.enqueue(newMessage(ana, ben), ROOMY);
    const [next] = await page(store, ben);
    assert.ok(next!.seq > Math.max(...all.map((envelope) => envelope.seq)));
  });

  contract("a removed device's queue is gone, and its successor's starts empty", async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    await store.enqueue(newMessage(ana, ben), ROOMY);
    const successor = await register(store, 'ben');
    assert.equal((await page(store, ben)).length, 0);
    assert.equal((await page(store, successor)).length, 0);
    await store.acknowledge(ben, [1]);
  });

  contract('[MSG-8] sweeping drops what expired and forgets old ids, a bounded part at a time', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const messages = Array.from({ length: 700 }, () => newMessage(ana, ben));
    await Promise.all(messages.map((message) => store.enqueue(message, ROOMY)));
    const lasting = newMessage(ana, ben, { acceptedAtMs: NOW + 2000, expiresAtMs: NOW + 9000 });
    await store.enqueue(lasting, ROOMY);
    assert.equal((await page(store, ben, { nowMs: NOW + 1000, limit: 1000 })).length, 1);
    const limits = { nowMs: NOW + 1000, forgetIdsBeforeMs: NOW + 1, rememberedIdsMax: 1000 };
    let parts = 1;
    while (await store.sweep(limits)) assert.ok(++parts < 10);
    assert.ok(parts > 1);
    assert.equal((await page(store, ben, { limit: 1000 })).length, 1);
    assert.equal((await store.enqueue(messages[0]!, ROOMY)).type, 'stored', 'its id was forgotten');
    assert.equal((await store.enqueue(lasting, ROOMY)).type, 'repeated', 'its id was not');
    await store.sweep({ ...limits, forgetIdsBeforeMs: 0, rememberedIdsMax: 0 });
    assert.equal((await store.enqueue(lasting, ROOMY)).type, 'stored', 'more ids than are remembered');
  });
}
