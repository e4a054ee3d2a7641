import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OurMember } from '../src/ourMember.ts';
import { printedRandom, type SeededRandom } from '../src/seededRandom.ts';
import { TheirMember } from '../src/theirMember.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Member {
  seal(plaintext: Bytes): Bytes | Promise<Bytes>;
  open(message: Bytes): Uint8Array | Promise<Uint8Array>;
  isDuplicate(error: unknown): boolean;
}

const MESSAGES = 2_000;

function members(random: SeededRandom): { ours: OurMember; theirs: TheirMember } {
  const id = random.bytes(16);
  // The form of a random UUID (RFC 9562 section 5.4).
  id[6] = (id[6]! & 0x0f) | 0x40;
  id[8] = (id[8]! & 0x3f) | 0x80;
  const digits = Buffer.from(id).toString('hex');
  const text = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { ours: new OurMember(random, id), theirs: new TheirMember(text) };
}

async function sealMany(from: Member, random: SeededRandom, count: number) {
  const sent: { message: Bytes; plaintext: Bytes }[] = [];
  for (let n = 0; n < count; n++) {
    const plaintext = random.bytes(random.integer(200));
    sent.push({ message: await from.seal(plaintext), plaintext });
  }
  return sent;
}

/** In any order, a tenth of them lost and a tenth twice. */
async function openShuffled(to: Member, random: SeededRandom, sent: Awaited<ReturnType<typeof sealMany>>) {
  const arriving = sent.flatMap((one) => (random.chance(0.1) ? [] : random.chance(0.1) ? [one, one] : [one]));
  const opened = new Set();
  const tally = { opened: 0, refused: 0 };
  for (const one of random.shuffled(arriving)) {
    if (opened.has(one)) {
      await assert.rejects(
        async () => to.open(one.message),
        (error) => to.isDuplicate(error),
      );
      tally.refused++;
    } else {
      assert.deepEqual(new Uint8Array(await to.open(one.message)), one.plaintext);
      opened.add(one);
      tally.opened++;
    }
  }
  return tally;
}

describe('sender keys with libsignal 0.103.0', () => {
  for (const sender of ['ours', 'theirs'] as const) {
    test(`[E2EE-26] the chain is ${sender}: shuffled, lost and repeated messages`, async (t) => {
      const random = printedRandom(t);
      const { ours, theirs } = members(random);
      const [from, to]: [Member, Member] = sender === 'ours' ? [ours, theirs] : [theirs, ours];
      if (sender === 'ours') await theirs.accept(ours.distribution());
      else ours.accept(await theirs.distribution());
      const tally = await openShuffled(to, random, await sealMany(from, random, MESSAGES));
      t.diagnostic(JSON.stringify(tally));
      assert.ok(tally.opened > MESSAGES / 2 && tally.refused > 0);
    });
  }

  test('[E2EE-26] who gets a chain later reads from there on, and nothing before, both ways', async (t) => {
    const random = printedRandom(t);
    const { ours, theirs } = members(random);
    // Their chain comes into being when it is first handed over.
    await theirs.distribution();
    const before = { ours: await sealMany(ours, random, 5), theirs: await sealMany(theirs, random, 5) };
    await theirs.accept(ours.distribution());
    ours.accept(await theirs.distribution());
    for (const { message } of before.ours) await assert.rejects(theirs.open(message));
    for (const { message } of before.theirs) assert.throws(() => ours.open(message));
    await openShuffled(theirs, random, await sealMany(ours, random, 50));
    await openShuffled(ours, random, await sealMany(theirs, random, 50));
  });

  test('[E2EE-26] a fresh chain and stragglers of the one before', async (t) => {
    const random = printedRandom(t);
    const { ours, theirs } = members(random);
    await theirs.accept(ours.distribution());
    const former = await sealMany(ours, random, 50);
    ours.rotate();
    await theirs.accept(ours.distribution());
    await openShuffled(theirs, random, [...former, ...(await sealMany(ours, random, 50))]);
  });

  test('[E2EE-26] what was changed on the way neither side opens, and both go on', async (t) => {
    const random = printedRandom(t);
    const { ours, theirs } = members(random);
    await theirs.accept(ours.distribution());
    ours.accept(await theirs.distribution());
    const pairs: [Member, Member][] = [
      [ours, theirs],
      [theirs, ours],
    ];
    for (const [from, to] of pairs) {
      for (const { message, plaintext } of await sealMany(from, random, 100)) {
        const changed = new Uint8Array(message);
        changed[random.integer(changed.length)]! ^= 1 << random.integer(8);
        await assert.rejects(async () => to.open(changed));
        assert.deepEqual(new Uint8Array(await to.open(message)), plaintext);
      }
    }
  });
});
