// Queues: sends, pages, acknowledgements, limits, age.
import assert from 'node:assert/strict';
import type { AccountId, Address, DeviceId } from '@carillon/protocol';
import fc from 'fast-check';
import { type Contract, link, NOW, newDevice, newId, newMessage, page, ROOMY, register } from './fixtures.ts';

const queueStep = fc.record({
  type: fc.constantFrom('send', 'send', 'send', 'read-on', 'read-on', 'read-anew', 'acknowledge', 'reopen'),
  urgent: fc.boolean(),
  // Past what one queue has in memory, too.
  count: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 12 }) },
    { weight: 1, arbitrary: fc.constant(150) },
  ),
  expired: fc.boolean(),
});

export function queueContract(contract: Contract): void {
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

  contract('[MSG-26] what follows a refused message is refused, too, until that one is stored', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const first = newMessage(ana, ben);
    const second = { ...newMessage(ana, ben), after: first.messageId };
    const third = { ...newMessage(ana, ben), after: second.messageId };
    const none = { messagesMax: 0, bytesMax: 0, senderPercent: 100 };
    // The queue has room again right after the first was refused.
    const types = await Promise.all([
      store.enqueue(first, none),
      store.enqueue(second, ROOMY),
      store.enqueue(third, ROOMY),
    ]);
    assert.deepEqual(
      types.map(({ type }) => type),
      ['queue-full', 'out-of-order', 'out-of-order'],
    );
    for (const message of [first, second, third]) assert.equal((await store.enqueue(message, ROOMY)).type, 'stored');
    // A repeat was in order once.
    assert.equal((await store.enqueue({ ...third, after: newMessage(ana, ben).messageId }, ROOMY)).type, 'repeated');
    assert.deepEqual(
      (await page(store, ben)).map(({ messageId }) => messageId),
      [first, second, third].map(({ messageId }) => messageId),
    );
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
    const tight = { messagesMax: 2, bytesMax: 8, senderPercent: 100 };
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

  contract(
    '[MSG-33] one sender takes a part of a queue, by count and bytes; others and the own account have the rest',
    async ({ store, reopen }) => {
      const primary = newDevice();
      const [ana, ben, cyd] = [
        await register(store, 'ana'),
        await register(store, 'ben', primary),
        await register(store, 'cyd'),
      ];
      const tablet = await link(store, ben, primary);
      let at = store;
      const limits = { messagesMax: 10, bytesMax: 100, senderPercent: 30 };
      const put = async (from: Address, nowMs = NOW, bytes = 1, lifeMs = 5_000) => {
        const devices = [ben, tablet].filter(
          ({ deviceId }) => from.accountId !== ben.accountId || deviceId !== from.deviceId,
        );
        const envelopes = devices.map(({ deviceId }) => ({
          deviceId,
          kind: 2 as const,
          ciphertext: new Uint8Array(bytes),
        }));
        const times = { acceptedAtMs: nowMs, expiresAtMs: nowMs + lifeMs };
        return (await at.enqueue(newMessage(from, ben, { ...times, envelopes }), limits)).type;
      };
      const types = async (count: number, ...args: Parameters<typeof put>) => {
        const outcomes: string[] = [];
        for (let n = 0; n < count; n++) outcomes.push(await put(...args));
        return outcomes.join(' ');
      };
      assert.equal(await types(4, ana), 'stored stored stored queue-full');
      at = await reopen();
      assert.equal(await types(2, ana, NOW + 1_500), 'queue-full queue-full');
      assert.equal(await put(cyd, NOW, 31), 'queue-full');
      assert.equal(await types(2, cyd, NOW, 15), 'stored stored');
      assert.equal(await put(cyd, NOW, 1), 'queue-full');
      // One device of several that is full refuses the message.
      const [first] = await page(at, tablet, { nowMs: NOW });
      await at.acknowledge(tablet, [first!.seq]);
      assert.equal(await put(ana, NOW + 2_600), 'queue-full');
      await at.acknowledge(ben, [(await page(at, ben, { nowMs: NOW }))[0]!.seq]);
      assert.equal(await put(ana, NOW + 3_700), 'stored');
      assert.equal(await types(5, tablet, NOW + 3_700), 'stored stored stored stored stored');
      assert.equal(await put(tablet, NOW + 3_700), 'queue-full', 'all of it is full');
      // What has expired does not count.
      assert.equal(await types(3, ana, NOW + 6_000), 'stored stored queue-full');
    },
  );

  contract('[MSG-6] a full queue is not gone through with every send to it', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const limits = { messagesMax: 1500, bytesMax: 1 << 20, senderPercent: 100 };
    const put = async (nowMs: number, lifeMs: number) =>
      (await store.enqueue(newMessage(ana, ben, { acceptedAtMs: nowMs, expiresAtMs: nowMs + lifeMs }), limits)).type;
    // Something expires every moment: the first look makes room, and there is none between that and the next.
    await Promise.all(Array.from({ length: 1500 }, (_, i) => put(NOW, 1 + i)));
    assert.equal(await put(NOW, 1), 'queue-full');
    const burst = await Promise.all(Array.from({ length: 600 }, () => put(NOW + 1500, 5)));
    assert.equal(burst.filter((type) => type === 'stored').length, 600);
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, i) => put(NOW + 1500 + Math.floor(i / 10), 5)));
    assert.deepEqual(new Set(outcomes.slice(0, 900)), new Set(['stored']));
    assert.deepEqual(new Set(outcomes.slice(900)), new Set(['queue-full']), 'though the first have expired again');
    assert.equal(await put(NOW + 2600, 5), 'stored', 'a second later it is gone through again');
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

  contract('[MSG-13] whatever was read before, a queue is what was stored and not acknowledged', async (under) => {
    // One store for all runs: the accounts are registered anew.
    let { store } = under;
    await fc.assert(
      fc.asyncProperty(fc.array(queueStep, { maxLength: 60 }), async (steps) => {
        const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
        const expected: { id: string; urgent: boolean; expiresAtMs: number }[] = [];
        const seqs = new Map<string, number>();
        const lane = (urgent: boolean) =>
          expected.filter((one) => one.urgent === urgent && one.expiresAtMs > NOW).map((one) => one.id);
        const cursor = { true: 0, false: 0 };
        for (const step of steps) {
          const key = step.urgent ? 'true' : 'false';
          if (step.type === 'send') {
            const sent = Array.from({ length: step.count }, () => {
              const expiresAtMs = step.expired ? NOW : NOW + 1000;
              return newMessage(ana, ben, { urgent: step.urgent, expiresAtMs });
            });
            await Promise.all(sent.map((message) => store.enqueue(message, ROOMY)));
            for (const { messageId, urgent, expiresAtMs } of sent)
              expected.push({ id: messageId, urgent, expiresAtMs });
          } else if (step.type === 'reopen') {
            store = await under.reopen();
          } else {
            const afterSeq = step.type === 'read-on' ? cursor[key] : 0;
            const envelopes = await page(store, ben, { urgent: step.urgent, afterSeq, limit: step.count });
            const unread = lane(step.urgent).filter((id) => (seqs.get(id) ?? Number.MAX_SAFE_INTEGER) > afterSeq);
            assert.deepEqual(
              envelopes.map((envelope) => envelope.messageId),
              unread.slice(0, step.count),
            );
            for (const { messageId, seq } of envelopes) seqs.set(messageId, seq);
            cursor[key] = envelopes.at(-1)?.seq ?? afterSeq;
            if (step.type === 'acknowledge') {
              const gone = envelopes.slice(-2);
              await store.acknowledge(
                ben,
                gone.map((envelope) => envelope.seq),
              );
              for (const { messageId } of gone)
                expected.splice(
                  expected.findIndex((one) => one.id === messageId),
                  1,
                );
            }
          }
        }
      }),
      { numRuns: 15 },
    );
  });
}
