// What every adapter of the switchboard promises. `here` and `there` are the
// switchboards of two nodes, or one and the same where there is one node.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type AccountId, type Address, bytesToBase64url, type DeviceId } from '@carillon/protocol';
import { type DeviceSignal, EVERYTHING, type PresenceState, type Switchboard } from '../src/core/switchboard.ts';

export interface SwitchboardsUnderTest {
  readonly here: Switchboard;
  readonly there: Switchboard;
}

export function newAddress(deviceId = 1): Address {
  return { accountId: bytesToBase64url(randomBytes(16)) as AccountId, deviceId: deviceId as DeviceId };
}

/** Collects what comes, and waits for it. */
export class Inbox<T> {
  readonly all: T[] = [];
  #arrived: (() => void) | undefined;

  readonly receive = (item: T): void => {
    this.all.push(item);
    this.#arrived?.();
  };

  /** The first `count` items. */
  async first(count: number): Promise<readonly T[]> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.all.slice(0, count);
  }

  async has(item: T): Promise<void> {
    while (!this.all.includes(item)) await this.first(this.all.length + 1);
  }
}

const CUT: DeviceSignal = { type: 'cut', why: 'replaced-by-new-connection' };

export function switchboardContract(name: string, open: (t: TestContext) => Promise<SwitchboardsUnderTest>): void {
  const it = (title: string, run: (under: SwitchboardsUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, { timeout: 20_000 }, async (t) => run(await open(t)));

  it('[NODE-2] a signal reaches the device, from every node', async ({ here, there }) => {
    const address = newAddress();
    const other = { ...address, deviceId: 2 as DeviceId };
    const inbox = new Inbox<DeviceSignal>();
    assert.equal(await here.signal(address, { type: 'queued' }), false);
    const attachment = await here.attach(address, inbox.receive);
    const signals: DeviceSignal[] = [
      { type: 'queued' },
      { type: 'prekeys-low', oneTime: 3, kem: 0 },
      { type: 'devices-changed' },
      {
        type: 'ephemeral',
        envelope: {
          messageId: 'm',
          from: other,
          groupId: undefined,
          kind: 2,
          ciphertext: new Uint8Array([0, 255, 13, 10, 128]),
          acceptedAtMs: 1_800_000_000_000,
        },
      },
    ];
    for (const signal of signals) assert.equal(await there.signal(address, signal), true);
    assert.deepEqual(await inbox.first(signals.length), signals);
    for (const board of [here, there]) {
      assert.equal(await board.isConnected(address), true);
      assert.equal(await board.isConnected(other), false);
      assert.equal(await board.signal(other, { type: 'queued' }), false);
    }
    await attachment.detach();
    assert.equal(await there.isConnected(address), false);
    assert.equal(await there.signal(address, { type: 'queued' }), false);
    await attachment.detach();
  });

  it('[NODE-3] the newer connection wins, and the one before is cut', async ({ here, there }) => {
    const address = newAddress();
    const [first, second, third] = [new Inbox<DeviceSignal>(), new Inbox<DeviceSignal>(), new Inbox<DeviceSignal>()];
    const before = await here.attach(address, first.receive);
    await there.attach(address, second.receive);
    assert.deepEqual(await first.first(1), [CUT]);
    // What the replaced connection does afterwards says nothing of its successor.
    await before.setActive(true);
    await before.detach();
    for (const board of [here, there]) {
      assert.equal(await board.isConnected(address), true);
      assert.equal(await board.isActive(address.accountId), false);
      assert.equal(await board.signal(address, { type: 'devices-changed' }), true);
    }
    const kinds = async () => (await second.first(2)).filter(({ type }) => type === 'devices-changed');
    assert.equal((await kinds()).length > 0, true);
    await there.attach(address, third.receive);
    await here.signal(address, { type: 'devices-changed' });
    await third.first(1);
    assert.deepEqual(second.all.at(-1), CUT);
  });

  it('a device that is cut is not there any more', async ({ here, there }) => {
    const address = newAddress();
    const inbox = new Inbox<DeviceSignal>();
    const attachment = await here.attach(address, inbox.receive);
    await attachment.setActive(true);
    const cut: DeviceSignal = { type: 'cut', why: 'device-removed' };
    assert.equal(await there.signal(address, cut), true);
    assert.deepEqual(await inbox.first(1), [cut]);
    for (const board of [here, there]) {
      assert.equal(await board.isConnected(address), false);
      assert.equal(await board.isActive(address.accountId), false);
      assert.equal(await board.signal(address, { type: 'queued' }), false);
    }
    assert.equal(inbox.all.length, 1);
  });

  it('[NODE-4] who watches is told when the first device is active and when the last is not', async (under) => {
    const { here, there } = under;
    const phone = newAddress(1);
    const laptop = { ...phone, deviceId: 2 as DeviceId };
    const { accountId } = phone;
    const changes = new Inbox<PresenceState>();
    const others = new Inbox<PresenceState>();
    const end = await there.watchPresence(accountId, changes.receive);
    await there.watchPresence(newAddress().accountId, others.receive);
    const online = async (count: number) => (await changes.first(count)).map((presence) => presence.online);
    const onPhone = await here.attach(phone, () => {});
    const onLaptop = await there.attach(laptop, () => {});
    assert.equal(await here.isActive(accountId), false, 'connected, but nobody looks');
    await onPhone.setActive(true);
    assert.deepEqual(await online(1), [true]);
    await onLaptop.setActive(true);
    await onPhone.setActive(false);
    assert.equal(await here.isActive(accountId), true);
    assert.equal(await there.isActive(accountId), true);
    await onLaptop.setActive(false);
    assert.deepEqual(await online(2), [true, false]);
    assert.ok(changes.all[1]!.lastSeenMs > 0);
    await onLaptop.setActive(true);
    await online(3);
    await onLaptop.detach();
    assert.deepEqual(await online(4), [true, false, true, false]);
    assert.equal(await here.isActive(accountId), false);
    end();
    end();
    // A second watch of the account ends by itself.
    const again = new Inbox<PresenceState>();
    await there.watchPresence(accountId, again.receive);
    await onPhone.setActive(true);
    assert.equal((await again.first(1))[0]!.online, true);
    assert.equal(changes.all.length, 4);
    assert.equal(others.all.length, 0);
  });

  it('[NODE-5] what is invalidated on one node is so on all, the own one too', async ({ here, there }) => {
    const [mine, theirs] = [new Inbox<string>(), new Inbox<string>()];
    here.onInvalidate(mine.receive);
    there.onInvalidate(theirs.receive);
    await here.invalidate('one');
    assert.equal(mine.all.includes('one'), true, 'at once on the own node');
    await theirs.has('one');
    await there.invalidate('two');
    await mine.has('two');
    // A node may distrust everything at any time.
    const named = (inbox: Inbox<string>) => new Set(inbox.all.filter((key) => key !== EVERYTHING));
    assert.deepEqual(named(mine), new Set(['one', 'two']));
    assert.deepEqual(named(theirs), new Set(['one', 'two']));
  });
}
