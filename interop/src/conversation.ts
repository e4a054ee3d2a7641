// Two devices that talk over lossy lines. Whatever arrives for the first time has
// to open as what was sent; whatever arrives again has to be refused as a repeat.
import assert from 'node:assert/strict';
import { LossyLine } from './lossyLine.ts';
import type { Sealed } from './ourDevice.ts';
import type { SeededRandom } from './seededRandom.ts';

/** What both implementations offer once they have begun. */
export interface Speaker {
  seal(plaintext: Uint8Array): Sealed | Promise<Sealed>;
  open(message: Sealed): Uint8Array | Promise<Uint8Array>;
  isDuplicate(error: unknown): boolean;
}

interface Sent {
  readonly message: Sealed;
  readonly plaintext: Uint8Array;
}

export interface Tally {
  opened: number;
  refused: number;
}

const BURST_MAX = 8;
/** Longer ones cross several blocks of the cipher and two bytes of a varint. */
const PLAINTEXT_BYTES_MAX = 300;

class Side {
  readonly tally: Tally = { opened: 0, refused: 0 };
  readonly #speaker: Speaker;
  readonly #random: SeededRandom;
  readonly #line: LossyLine<Sent>;
  readonly #opened = new Set<Sent>();

  constructor(speaker: Speaker, random: SeededRandom) {
    this.#speaker = speaker;
    this.#random = random;
    this.#line = new LossyLine(random);
  }

  async speak(): Promise<void> {
    for (let n = this.#random.integer(BURST_MAX + 1); n > 0; n--) this.#line.send(await this.say());
  }

  async say(): Promise<Sent> {
    const plaintext = this.#random.bytes(this.#random.integer(PLAINTEXT_BYTES_MAX + 1));
    return { message: await this.#speaker.seal(plaintext), plaintext };
  }

  deliver(): Sent[] {
    return this.#line.deliver();
  }

  drain(): Sent[] {
    return this.#line.drain();
  }

  async hear(sent: Sent): Promise<void> {
    if (!this.#opened.has(sent)) {
      assert.deepEqual(new Uint8Array(await this.#speaker.open(sent.message)), sent.plaintext);
      this.#opened.add(sent);
      this.tally.opened++;
      return;
    }
    await assert.rejects(
      async () => this.#speaker.open(sent.message),
      (error) => this.#speaker.isDuplicate(error),
    );
    this.tally.refused++;
  }
}

/**
 * @param initiator has started its session; the other learns of it by what arrives
 * @returns how many messages each has opened and refused
 */
export async function converse(
  initiator: Speaker,
  responder: Speaker,
  random: SeededRandom,
  rounds: number,
): Promise<{ initiator: Tally; responder: Tally }> {
  const [a, b] = [new Side(initiator, random), new Side(responder, random)];
  // Whatever comes first carries the handshake; which of the first ones it is, is left to chance.
  const first = [await a.say(), await a.say(), await a.say()];
  for (const sent of random.shuffled(first)) await b.hear(sent);
  const deliver = async (fromA: Sent[], fromB: Sent[]) => {
    const arriving = [...fromA.map((sent) => ({ to: b, sent })), ...fromB.map((sent) => ({ to: a, sent }))];
    for (const { to, sent } of random.shuffled(arriving)) await to.hear(sent);
  };
  for (let round = 0; round < rounds; round++) {
    await a.speak();
    await b.speak();
    await deliver(a.deliver(), b.deliver());
  }
  await deliver(a.drain(), b.drain());
  return { initiator: a.tally, responder: b.tally };
}
