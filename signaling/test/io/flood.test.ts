import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AccountId, type CallId, LIMITS } from '@carillon/protocol';
import { RedisServer } from '@carillon/service/testing';
import { RELAY_BYTES_RATE } from '../../src/io/admission.ts';
import { type Device, Harness, newId } from './harness.ts';

/** Of all devices together: less than one account would fill. */
const OUTBOX_BYTES_MAX = 4 * RELAY_BYTES_RATE.burst;
const DEVICES = [1, 2, 3, 4, 5];

for (const where of ['kept by one node', 'kept in Redis']) {
  describe(`a flood of relayed frames, ${where}`, () => {
    const harness = new Harness();
    let redis: RedisServer | undefined;
    before(async () => {
      if (where === 'kept in Redis') redis = await RedisServer.run();
      await harness.start({
        CARILLON_SIGNALING_OUTBOX_BYTES_MAX: `${OUTBOX_BYTES_MAX}`,
        ...(redis ? { CARILLON_REDIS_URL: redis.url } : {}),
      });
    });
    after(async () => {
      await harness.end();
      await redis?.stop();
    });

    async function create(from: Device, ...callees: AccountId[]): Promise<CallId> {
      const callId = newId<CallId>();
      await from.want('state', { case: 'create', value: { callId, calleeAccountIds: callees } });
      return callId;
    }
    const relay = (from: Device, callId: CallId, accountId: AccountId, deviceId: number, bytes: number) =>
      from.ask({ case: 'relay', value: { callId, to: { accountId, deviceId }, sealed: new Uint8Array(bytes) } });

    /** As a device does that calls: an offer and twenty candidates to each of five devices. */
    async function connects(alice: Device, bob: Device): Promise<void> {
      const callId = await create(alice, bob.accountId);
      const sizes = [10_000, ...Array.from({ length: 20 }, () => 300)];
      const asked = sizes.flatMap((bytes) => DEVICES.map((id) => relay(alice, callId, bob.accountId, id, bytes)));
      for (const { body } of await Promise.all(asked)) assert.equal(body.case, 'done');
      await bob.want('state', { case: 'ring', value: { callId } });
      for (const bytes of sizes) assert.equal((await bob.next('relayed')).sealed.length, bytes);
      await bob.want('state', { case: 'accept', value: { callId } });
      assert.equal((await relay(bob, callId, alice.accountId, 1, 8_000)).body.case, 'done');
      assert.equal((await alice.next('relayed')).sealed.length, 8_000);
    }

    it('[CALL-76] slows its account, whose calls live on, and nobody else', async () => {
      const [mallory, carol, alice, bob] = await Promise.all([0, 1, 2, 3].map(() => harness.device()));
      const strangers = Array.from({ length: 6 }, () => newId<AccountId>());
      let taken = 0;
      for (let calls = 0; calls < 4; calls++) {
        const callId = await create(mallory!, carol!.accountId, ...strangers);
        const to = [carol!.accountId, ...strangers].flatMap((account) =>
          [...DEVICES, ...DEVICES].map((id) => [account, id] as const),
        );
        for (const { body } of await Promise.all(
          to.map(([account, id]) => relay(mallory!, callId, account, id, LIMITS.sealedSignalBytesMax)),
        )) {
          if (body.case === 'done') taken += LIMITS.sealedSignalBytesMax;
          else assert.ok(body.case === 'failure' && body.value.code === 'rate-limited' && body.value.retryAfterMs > 0);
        }
        await carol!.want('state', { case: 'ring', value: { callId } });
      }
      assert.ok(taken > 0 && taken <= RELAY_BYTES_RATE.burst + 10 * RELAY_BYTES_RATE.perSecond, `${taken} bytes taken`);
      await connects(alice!, bob!);
    });
  });
}
