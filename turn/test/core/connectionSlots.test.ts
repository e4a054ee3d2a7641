import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionSlots, slotBounds } from '../../src/core/connectionSlots.ts';

const BOUNDS = { perAddress: 3, perSite: 5, unproven: 8, connections: 10 };

test('[TURN-32] an address, and a site of IPv6 whatever its networks, have so many slots', () => {
  const slots = new ConnectionSlots(BOUNDS);
  const taken = (address: string) => slots.take(address, assert.fail);
  for (let n = 0; n < 3; n++) assert.ok(taken('192.0.2.1'));
  assert.equal(taken('192.0.2.1'), undefined);
  for (let n = 0; n < 5; n++) assert.ok(taken(`2001:db8:1:${n}::1`));
  assert.equal(taken('2001:db8:1:9::1'), undefined);
  assert.equal(slots.connections, 8);
  const other = new ConnectionSlots(BOUNDS);
  for (let n = 0; n < 3; n++) assert.ok(other.take(`2001:db8:1:2::${n}`, assert.fail));
  assert.equal(other.take('2001:db8:1:2::9', assert.fail), undefined);
  assert.ok(other.take('2001:db8:2:2::9', assert.fail));
});

test('[TURN-32] when all are taken the oldest goes that has proved nothing', () => {
  const slots = new ConnectionSlots(BOUNDS);
  const evicted: number[] = [];
  const take = (n: number) => slots.take(`192.0.2.${n}`, () => evicted.push(n));
  const made = Array.from({ length: 8 }, (_, n) => take(n)!);
  made[0]!.setProven(true);
  assert.ok(take(8));
  assert.deepEqual(evicted, []);
  assert.ok(take(9));
  assert.deepEqual(evicted, [1]);
  made[0]!.setProven(false);
  assert.deepEqual(evicted, [1, 2], 'who gave its allocation back takes a slot again');
  for (const slot of made.slice(3)) slot.setProven(true);
  assert.ok(made[7]!.isProven);
  assert.equal(slots.connections, 8);
  made[7]!.free();
  made[7]!.free();
  made[1]!.free();
  assert.equal(slots.connections, 7);
});

test('[TURN-32] connections with an allocation are bounded too, and none of them is taken away', () => {
  const slots = new ConnectionSlots(BOUNDS);
  const proven = Array.from({ length: 10 }, (_, n) => {
    const slot = slots.take(`192.0.2.${n}`, assert.fail)!;
    slot.setProven(true);
    return slot;
  });
  assert.equal(slots.take('192.0.2.99', assert.fail), undefined);
  proven[0]!.free();
  assert.ok(slots.take('192.0.2.99', assert.fail));
});

test('[TURN-32] half of the descriptors are left to relay with', () => {
  assert.deepEqual(slotBounds(2_000, 1_024), { perAddress: 128, perSite: 256, unproven: 256, connections: 512 });
  assert.deepEqual(slotBounds(2_000, 1 << 20), { perAddress: 128, perSite: 512, unproven: 2_000, connections: 4_000 });
});
