import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converse } from '../src/conversation.ts';
import { OurDevice, type Sealed } from '../src/ourDevice.ts';
import { printedRandom, type SeededRandom } from '../src/seededRandom.ts';
import { TheirDevice } from '../src/theirDevice.ts';

/** About four messages a side and round are sent, of which nine in ten arrive. */
const ROUNDS = 200;
const MESSAGES_MIN = 1_000;
/** Of the skipped ones; each costs the other side a copy of two thousand keys. */
const STRAGGLERS = 300;

const CASES = [true, false].flatMap((kem) =>
  [true, false].flatMap((oneTime) => ['ours', 'theirs'].map((initiator) => ({ kem, oneTime, initiator }))),
);

interface Pair {
  readonly ours: OurDevice;
  readonly theirs: TheirDevice;
}

async function begun(
  random: SeededRandom,
  { kem, oneTime, initiator }: { kem: boolean; oneTime: boolean; initiator: string },
): Promise<Pair> {
  const [ours, theirs] = [new OurDevice(random), new TheirDevice()];
  if (initiator === 'ours') ours.start(await theirs.offer({ kem, oneTime }));
  else await theirs.start(ours.offer({ kem, oneTime }));
  return { ours, theirs };
}

/** A pair of which each has heard the other. */
async function settled(random: SeededRandom): Promise<Pair> {
  const pair = await begun(random, { kem: true, oneTime: true, initiator: 'ours' });
  await pair.theirs.open(pair.ours.seal(random.bytes(9)));
  pair.ours.open(await pair.theirs.seal(random.bytes(9)));
  return pair;
}

describe('sessions with libsignal 0.72.1', () => {
  for (const { kem, oneTime, initiator } of CASES) {
    const words = `${kem ? 'PQXDH' : 'X3DH'}, ${oneTime ? 'a' : 'no'} one-time prekey, begun by ${initiator}`;
    test(`[E2EE-25] ${words}: shuffled, lost and repeated messages both ways`, async (t) => {
      const random = printedRandom(t);
      const { ours, theirs } = await begun(random, { kem, oneTime, initiator });
      const [from, to] = initiator === 'ours' ? [ours, theirs] : [theirs, ours];
      const tally = await converse(from, to, random, ROUNDS);
      t.diagnostic(JSON.stringify(tally));
      assert.ok(tally.initiator.opened + tally.responder.opened > MESSAGES_MIN);
      assert.ok(tally.initiator.refused > 0 && tally.responder.refused > 0);
      assert.equal(to.hasOneTimePrekey, false, 'a one-time prekey is used up');
    });
  }

  test('[E2EE-25] two thousand messages skipped, and stragglers of them later, both ways', async (t) => {
    const random = printedRandom(t);
    const { ours, theirs } = await settled(random);
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      const sent: { message: Sealed; plaintext: Uint8Array }[] = [];
      for (let n = 0; n <= 2_000; n++) {
        const plaintext = random.bytes(20);
        sent.push({ message: await from.seal(plaintext), plaintext });
      }
      const last = sent.pop()!;
      for (const { message, plaintext } of [last, ...random.shuffled(sent).slice(0, STRAGGLERS)]) {
        assert.deepEqual(new Uint8Array(await to.open(message)), plaintext);
      }
    }
  });

  test('[E2EE-25] what was changed on the way neither side opens, and both go on', async (t) => {
    const random = printedRandom(t);
    const { ours, theirs } = await settled(random);
    for (let n = 0; n < 100; n++) {
      for (const [from, to] of [
        [ours, theirs],
        [theirs, ours],
      ] as const) {
        const plaintext = random.bytes(random.integer(64));
        const message = await from.seal(plaintext);
        const changed = new Uint8Array(message.bytes);
        changed[random.integer(changed.length)]! ^= 1 << random.integer(8);
        await assert.rejects(async () => to.open({ ...message, bytes: changed }));
        assert.deepEqual(new Uint8Array(await to.open(message)), plaintext);
      }
    }
  });

  test('[E2EE-25] a prekey that another identity signed begins no session on either side', async (t) => {
    const random = printedRandom(t);
    for (const forged of ['signedPrekey', 'kemPrekey'] as const) {
      const [ours, theirs] = [new OurDevice(random), new TheirDevice()];
      const offers = {
        theirs: await theirs.offer({ kem: true, oneTime: true }),
        ours: ours.offer({ kem: true, oneTime: true }),
      };
      const other = {
        theirs: await new TheirDevice().offer({ kem: true, oneTime: true }),
        ours: new OurDevice(random).offer({ kem: true, oneTime: true }),
      };
      assert.throws(() => ours.start({ ...offers.theirs, [forged]: other.theirs[forged] }), { code: 'bad-signature' });
      await assert.rejects(theirs.start({ ...offers.ours, [forged]: other.ours[forged] }));
    }
  });
});
