import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UploadLocker } from '../../src/io/uploadLocker.ts';

const never = new AbortController().signal;

test('one at a time, every waiter in its turn, and the holder is asked to let go', async () => {
  const locker = new UploadLocker();
  let inside = 0;
  let asked = 0;
  const turns: number[] = [];
  const enter = async (n: number) => {
    const lock = locker.newLock('a');
    await lock.lock(never, () => {
      asked++;
    });
    assert.equal(++inside, 1);
    await new Promise((resolve) => setImmediate(resolve));
    turns.push(n);
    inside--;
    await lock.unlock();
  };
  await Promise.all([0, 1, 2, 3, 4].map(enter));
  assert.deepEqual([...turns].sort(), [0, 1, 2, 3, 4]);
  assert.ok(asked >= 4);
});

test('uploads do not wait for each other', async () => {
  const locker = new UploadLocker();
  await locker.newLock('a').lock(never, () => {});
  await locker.newLock('b').lock(never, () => {});
});

test('too many waiters, and one that gives up, are refused', async () => {
  const locker = new UploadLocker();
  const holder = locker.newLock('a');
  await holder.lock(never, () => {});
  const leaving = new AbortController();
  const left = locker.newLock('a').lock(leaving.signal, () => {});
  const waiting = [1, 2, 3].map(async () => {
    const lock = locker.newLock('a');
    await lock.lock(never, () => {});
    await lock.unlock();
  });
  await assert.rejects(
    locker.newLock('a').lock(never, () => {}),
    { status_code: 423 },
  );
  leaving.abort();
  await assert.rejects(left, { status_code: 423 });
  await holder.unlock();
  await Promise.all(waiting);
});
