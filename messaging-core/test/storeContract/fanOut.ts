// Group messages: accepted once, and brought into every member device's queue.
import assert from 'node:assert/strict';
import type { Address, DeviceId, MessageId } from '@carillon/protocol';
import {
  type Contract,
  change,
  fanOut,
  fanOutAll,
  group,
  groupMessage,
  link,
  NOW,
  newDevice,
  newId,
  newMessage,
  page,
  plain,
  ROOMY,
  register,
  roster,
} from './fixtures.ts';

const MEMBERS = 1024;

export function fanOutContract(contract: Contract): void {
  contract('[GROUP-3] a group message is accepted once, from a member that knows the group as it is', async (under) => {
    const { store, reopen } = under;
    const [ana, ben, cyd] = [await register(store, 'ana'), await register(store, 'ben'), await register(store, 'cyd')];
    const { groupId } = await group(store, [ana, ben]);
    const message = await groupMessage(store, ana, groupId);
    assert.deepEqual(await store.acceptGroupMessage({ ...message, from: cyd }), { type: 'group-unknown' });
    const unknown = { ...message, groupId: roster([ana]).groupId };
    assert.deepEqual(await store.acceptGroupMessage(unknown), { type: 'group-unknown' });
    const ghost = { ...message, from: { ...ana, deviceId: 9 as DeviceId } };
    assert.deepEqual(await store.acceptGroupMessage(ghost), { type: 'sender-removed' });
    const stale = { type: 'stale-group', rosterRevision: 1, devicesRevision: 1 };
    assert.deepEqual(await store.acceptGroupMessage({ ...message, rosterRevision: 2 }), stale);
    assert.deepEqual(await store.acceptGroupMessage({ ...message, devicesRevision: 0 }), stale);
    assert.deepEqual(await fanOutAll(store), []);

    const later = { ...message, acceptedAtMs: NOW + 9 };
    const outcomes = await Promise.all([store.acceptGroupMessage(message), store.acceptGroupMessage(later)]);
    assert.deepEqual(outcomes, [
      { type: 'accepted', acceptedAtMs: NOW },
      { type: 'repeated', acceptedAtMs: NOW },
    ]);
    const reopened = await reopen();
    assert.deepEqual(await fanOutAll(reopened), [ben]);
    await register(reopened, 'ben');
    assert.deepEqual(await reopened.acceptGroupMessage(later), { type: 'repeated', acceptedAtMs: NOW });
    const sameId = { ...newMessage(ana, cyd), messageId: message.messageId };
    assert.equal((await reopened.enqueue(sameId, ROOMY)).type, 'stored', 'to an account it is another message');
  });

  contract('[GROUP-4] every device of every member gets it, but the one that sent it', async ({ store }) => {
    const primary = newDevice();
    const [ana, ben] = [await register(store, 'ana', primary), await register(store, 'ben')];
    const second = await link(store, ana, primary);
    const { groupId } = await group(store, [ana, ben]);
    const message = await groupMessage(store, ana, groupId, { urgent: true });
    await store.acceptGroupMessage(message);
    const step = await fanOut(store);
    assert.deepEqual(new Set(step.reached.map(({ address }) => JSON.stringify(address))).size, 2);
    assert.ok(step.reached.every(({ urgent }) => urgent));
    assert.equal(step.more, false);
    for (const address of [ben, second]) {
      assert.deepEqual((await page(store, address, { urgent: true })).map(plain), [
        {
          urgent: true,
          messageId: message.messageId,
          from: ana,
          groupId,
          kind: 3,
          acceptedAtMs: NOW,
          ciphertext: [4, 5, 6],
        },
      ]);
    }
    assert.deepEqual(await page(store, ana, { urgent: true }), []);
    const [queued] = await page(store, ben, { urgent: true });
    await store.acknowledge(ben, [queued!.seq]);
    assert.deepEqual(await page(store, ben, { urgent: true }), []);
    assert.equal((await page(store, second, { urgent: true })).length, 1, 'the other device keeps its own');
  });

  contract('[GROUP-4] full queues and who blocked the sender are passed over; others get it', async ({ store }) => {
    const [ana, ben, cyd, dan] = [
      await register(store, 'ana'),
      await register(store, 'ben'),
      await register(store, 'cyd'),
      await register(store, 'dan'),
    ];
    const tight = { messagesMax: 1, bytesMax: 100, senderPercent: 100 };
    await store.enqueue(newMessage(ana, ben), tight);
    await store.setBlocked(cyd.accountId, ana.accountId, true, 10);
    const { groupId } = await group(store, [ana, ben, cyd, dan]);
    await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
    assert.deepEqual(await fanOutAll(store, tight), [dan]);
    assert.equal((await page(store, ben)).length, 1);
    assert.deepEqual(await page(store, cyd), []);
    await store.acceptGroupMessage(await groupMessage(store, dan, groupId));
    const reached = await fanOutAll(store);
    assert.equal(reached.length, 3, 'who blocked one member hears the others');
  });

  contract(
    '[MSG-33] a group’s messages count for their sender, who takes no more of a queue by them',
    async ({ store }) => {
      const [ana, ben, cyd] = [
        await register(store, 'ana'),
        await register(store, 'ben'),
        await register(store, 'cyd'),
      ];
      const limits = { messagesMax: 10, bytesMax: 1000, senderPercent: 30 };
      const { groupId } = await group(store, [ana, ben, cyd]);
      for (let n = 0; n < 5; n++) await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
      await fanOutAll(store, limits);
      assert.equal((await page(store, ben)).length, 3);
      assert.equal((await store.enqueue(newMessage(ana, ben), limits)).type, 'queue-full');
      assert.equal((await store.enqueue(newMessage(cyd, ben), limits)).type, 'stored');
      await store.acceptGroupMessage(await groupMessage(store, cyd, groupId));
      await fanOutAll(store, limits);
      assert.equal((await page(store, ben)).length, 5);
      const [first] = await page(store, ben);
      await store.acknowledge(ben, [first!.seq]);
      const later = { acceptedAtMs: NOW + 1500, expiresAtMs: NOW + 2500 };
      assert.equal((await store.enqueue(newMessage(ana, ben, later), limits)).type, 'stored');
    },
  );

  contract(
    '[GROUP-4] who was removed before their turn gets nothing; what expired is not put in',
    async ({ store }) => {
      const [ana, ben, cyd] = [
        await register(store, 'ana'),
        await register(store, 'ben'),
        await register(store, 'cyd'),
      ];
      const { groupId } = await group(store, [ana, ben, cyd]);
      await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
      await store.changeGroup(roster([ana, ben], 2, groupId), undefined, change(2), 10);
      assert.deepEqual(await fanOutAll(store), [ben]);
      await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
      for (let more = true, steps = 0; more; steps++) {
        assert.ok(steps < 10);
        const step = await fanOut(store, 100, ROOMY, NOW + 1000);
        assert.deepEqual(step.reached, []);
        more = step.more;
      }
      assert.equal((await page(store, ben)).length, 1);
      assert.deepEqual(await page(store, ben, { nowMs: NOW + 1000 }), [], 'expired in the queue');
      while (await store.sweep({ nowMs: NOW + 1000, forgetIdsBeforeMs: 0, rememberedIdsMax: 1000 }));
      assert.deepEqual(await page(store, ben), []);
    },
  );

  contract('[GROUP-5] 1,024 members in batches: each device once and in order over a restart', async (under) => {
    let { store } = under;
    const members = await Promise.all(Array.from({ length: MEMBERS }, (_, i) => register(store, `member${i}`)));
    const ana = members[0]!;
    const { groupId } = await group(store, members);
    const messages = await Promise.all([0, 1, 2].map((i) => groupMessage(store, members[i]!, groupId)));
    for (const message of messages) await store.acceptGroupMessage(message);
    let reached = 0;
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 100);
      // At any of these moments the process may die.
      if (steps === 3 || steps === 11) store = await under.reopen();
      const step = await fanOut(store, 150);
      assert.ok(step.reached.length <= 150);
      reached += step.reached.length;
      if (!step.more) break;
    }
    assert.ok(reached <= 3 * (MEMBERS - 1));
    for (const [index, member] of members.entries()) {
      const expected = messages.filter((_, i) => i !== index).map((message) => message.messageId);
      const queued = await page(store, member);
      assert.deepEqual(
        queued.map((envelope) => envelope.messageId),
        expected,
      );
    }
    assert.equal((await page(store, ana)).length, 2);
  });

  contract(
    '[GROUP-16] a busy group holds up no other: groups take turns, urgent messages leave room',
    async ({ store }) => {
      const members = await Promise.all(Array.from({ length: 40 }, (_, i) => register(store, `member${i}`)));
      const [ana, ben, cyd] = [members[0]!, await register(store, 'ben'), await register(store, 'cyd')];
      const [busy, calm] = [await group(store, members), await group(store, [ben, cyd])];
      const flood = async (urgent: boolean) => {
        for (let i = 0; i < 30; i++)
          await store.acceptGroupMessage(await groupMessage(store, ana, busy.groupId, { urgent }));
      };
      let nowMs = NOW;
      const stepsUntil = async (address: Address) => {
        for (let steps = 1; steps < 100; steps++) {
          const { reached } = await fanOut(store, 20, ROOMY, ++nowMs);
          if (reached.some(({ address: one }) => one.accountId === address.accountId)) return steps;
        }
        throw new Error('never');
      };
      await flood(false);
      await store.acceptGroupMessage(await groupMessage(store, ben, calm.groupId));
      assert.ok((await stepsUntil(cyd)) <= 2);
      await flood(true);
      await store.acceptGroupMessage(await groupMessage(store, ben, calm.groupId));
      assert.ok((await stepsUntil(cyd)) <= 12, 'though there are urgent ones');
      await store.acceptGroupMessage(await groupMessage(store, ben, calm.groupId, { urgent: true }));
      assert.ok((await stepsUntil(cyd)) <= 2);
    },
  );

  contract('[GROUP-16] what one sender has waiting is bounded, and leaves room for others', async ({ store }) => {
    const [ana, ben, cyd] = [await register(store, 'ana'), await register(store, 'ben'), await register(store, 'cyd')];
    const [first, second] = [await group(store, [ana, ben]), await group(store, [ben, cyd])];
    const message = await groupMessage(store, ana, first.groupId);
    const accept = () => store.acceptGroupMessage({ ...message, messageId: newId() as MessageId });
    for (let i = 0; i < 10; i++) {
      const outcomes = await Promise.all(Array.from({ length: 100 }, accept));
      assert.ok(outcomes.every(({ type }) => type === 'accepted'));
    }
    assert.deepEqual(await accept(), { type: 'backlog-full' });
    const outcome = await store.acceptGroupMessage(await groupMessage(store, cyd, second.groupId));
    assert.equal(outcome.type, 'accepted');
    await fanOut(store, 100, { messagesMax: 2000, bytesMax: 1 << 20, senderPercent: 100 });
    assert.equal((await accept()).type, 'accepted');
  });

  contract('[GROUP-5] a message to one group and messages to accounts keep the order of each', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const { groupId } = await group(store, [ana, ben]);
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) {
      const message = await groupMessage(store, ana, groupId);
      await store.acceptGroupMessage(message);
      ids.push(message.messageId);
      if (i % 7 === 0) await fanOut(store, 1);
      await store.enqueue(newMessage(ana, ben), ROOMY);
    }
    await fanOutAll(store);
    const queued = await page(store, ben);
    assert.equal(queued.length, 40);
    assert.deepEqual(
      queued.filter((envelope) => envelope.groupId === groupId).map((envelope) => envelope.messageId),
      ids,
    );
  });
}
