// Randomness that a seed repeats: the schedule of a test and our side's keys. What
// the other implementation draws is its own.
import { createCipheriv, createHash, randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

type Bytes = Uint8Array<ArrayBuffer>;

export interface SeededRandom {
  readonly bytes: (length: number) => Bytes;
  /** 0 to `below` - 1. */
  readonly integer: (below: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly shuffled: <T>(items: readonly T[]) => T[];
}

function seededRandom(seed: string): SeededRandom {
  const key = createHash('sha256').update(seed).digest();
  const stream = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  const bytes = (length: number) => new Uint8Array(stream.update(new Uint8Array(length)));
  const fraction = () => Buffer.from(bytes(4)).readUInt32LE() / 2 ** 32;
  const integer = (below: number) => Math.floor(fraction() * below);
  return {
    bytes,
    integer,
    chance: (probability) => fraction() < probability,
    shuffled(items) {
      const result = [...items];
      for (let i = result.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [result[i], result[j]] = [result[j]!, result[i]!];
      }
      return result;
    },
  };
}

/**
 * From CARILLON_INTEROP_SEED, else from a fresh seed; the test's report says which,
 * so that a failure can be repeated.
 */
export function printedRandom(test: TestContext): SeededRandom {
  const seed = process.env.CARILLON_INTEROP_SEED ?? String(randomInt(2 ** 31));
  test.diagnostic(`CARILLON_INTEROP_SEED=${seed}`);
  return seededRandom(`${seed} ${test.name}`);
}
