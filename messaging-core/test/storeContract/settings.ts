// Privacy, blocks, and where devices are woken.
import assert from 'node:assert/strict';
import type { AccountId, DeviceId } from '@carillon/protocol';
import type { PushTarget } from '../../src/core/messagingStore.ts';
import { type Contract, NOW, newId, newMessage, page, ROOMY, register } from './fixtures.ts';

export function settingsContract(contract: Contract): void {
  contract('privacy begins with key holders and no key', async ({ store, reopen }) => {
    const ana = await register(store, 'ana');
    assert.deepEqual(await store.privacy(ana.accountId), { presence: 'key-holders', presenceKeyDigest: undefined });
    const presenceKeyDigest = new Uint8Array(32).fill(7);
    await store.setPrivacy(ana.accountId, { presence: 'nobody', presenceKeyDigest });
    const reopened = await reopen();
    const { presence, presenceKeyDigest: kept } = await reopened.privacy(ana.accountId);
    assert.equal(presence, 'nobody');
    assert.deepEqual([...kept!], [...presenceKeyDigest]);
    await reopened.setPrivacy(ana.accountId, { presence: 'everyone', presenceKeyDigest: undefined });
    assert.deepEqual(await reopened.privacy(ana.accountId), { presence: 'everyone', presenceKeyDigest: undefined });
  });

  contract('[MSG-11] what the recipient has blocked is answered as stored, and is not', async ({ store, reopen }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    await store.enqueue(newMessage(ana, ben), ROOMY);
    assert.equal(await store.setBlocked(ben.accountId, ana.accountId, true, 2), true);
    const blocked = newMessage(ana, ben);
    assert.deepEqual(await store.enqueue(blocked, ROOMY), { type: 'stored', acceptedAtMs: NOW });
    assert.equal((await page(store, ben)).length, 1, 'what came before stays');
    assert.equal((await store.enqueue(newMessage(ben, ana), ROOMY)).type, 'stored');
    assert.equal((await page(store, ana)).length, 1, 'the other way is open');
    const reopened = await reopen();
    assert.equal((await reopened.enqueue(newMessage(ana, ben), ROOMY)).type, 'stored');
    assert.equal(await reopened.setBlocked(ben.accountId, ana.accountId, false, 2), true);
    assert.equal((await reopened.enqueue(blocked, ROOMY)).type, 'repeated', 'it does not come after all');
    assert.equal((await page(reopened, ben)).length, 1);
    await reopened.enqueue(newMessage(ana, ben), ROOMY);
    assert.equal((await page(reopened, ben)).length, 2);
    assert.deepEqual(
      (await reopened.enqueue(newMessage(ana, ben, { envelopes: [] }), ROOMY)).type,
      'stale-devices',
      'it tells nothing of blocks',
    );
  });

  contract('blocks are limited, listed, and outlive a registration', async ({ store }) => {
    const ben = await register(store, 'ben');
    const [a, b, c] = [newId(), newId(), newId()].sort() as [AccountId, AccountId, AccountId];
    assert.equal(await store.setBlocked(ben.accountId, a, true, 2), true);
    assert.equal(await store.setBlocked(ben.accountId, b, true, 2), true);
    assert.equal(await store.setBlocked(ben.accountId, c, true, 2), false);
    assert.equal(await store.setBlocked(ben.accountId, a, true, 2), true, 'blocked already');
    assert.deepEqual([...(await store.blocked(ben.accountId))].sort(), [a, b]);
    await register(store, 'ben');
    assert.equal(await store.isBlocked(a, ben.accountId), true);
    assert.equal(await store.isBlocked(ben.accountId, a), false);
    assert.equal(await store.isBlocked(c, ben.accountId), false);
    assert.equal(await store.setBlocked(ben.accountId, a, false, 2), true);
    assert.equal(await store.setBlocked(ben.accountId, a, false, 2), true, 'not blocked any more');
    assert.deepEqual(await store.blocked(ben.accountId), [b]);
    assert.equal(await store.isBlocked(a, ben.accountId), false);
    assert.deepEqual(await store.blocked(newId() as AccountId), []);
  });

  contract('one push target a service and device', async ({ store, reopen }) => {
    const ana = await register(store, 'ana');
    const apns: PushTarget = { service: 'apns', token: 'first', p256dh: undefined, auth: undefined };
    const web: PushTarget = {
      service: 'web',
      token: 'https://push.example/1',
      p256dh: new Uint8Array(65).fill(4),
      auth: new Uint8Array(16).fill(5),
    };
    await store.setPushTarget(ana, 'apns', apns);
    await store.setPushTarget(ana, 'web', web);
    await store.setPushTarget(ana, 'apns', { ...apns, token: 'second' });
    await store.setPushTarget({ ...ana, deviceId: 9 as DeviceId }, 'apns', apns);
    const reopened = await reopen();
    const tokens = async () =>
      (await reopened.pushTargets(ana)).map(({ service, token }) => `${service} ${token}`).sort();
    assert.deepEqual(await tokens(), ['apns second', 'web https://push.example/1']);
    const kept = (await reopened.pushTargets(ana)).find((target) => target.service === 'web');
    assert.deepEqual([kept?.p256dh?.length, kept?.auth?.length], [65, 16]);
    await reopened.dropPushTarget(ana, 'apns', 'first');
    assert.equal((await tokens()).length, 2, 'the device has a newer one');
    await reopened.dropPushTarget(ana, 'apns', 'second');
    await reopened.setPushTarget(ana, 'web', undefined);
    assert.deepEqual(await tokens(), []);
    assert.deepEqual(await reopened.pushTargets({ ...ana, deviceId: 9 as DeviceId }), []);
  });
}
