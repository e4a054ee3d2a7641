// Just enough of the Protocol Buffers wire format for the messages here: fields of
// numbers up to 15 that hold a varint of 32 bits or bytes. Written out because the
// other side's messages are data to this test, not types of ours.
import { concatBytes } from '@carillon/protocol';

type Bytes = Uint8Array<ArrayBuffer>;
type Field = number | Bytes;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function encodeVarint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

/** In the order given; a field that is undefined is left out. */
export function encodeFields(fields: readonly (readonly [id: number, value: Field | undefined])[]): Bytes {
  return concatBytes(
    ...fields.flatMap(([id, value]) => {
      if (value === undefined) return [];
      if (typeof value === 'number') return [encodeVarint(id * 8 + VARINT), encodeVarint(value)];
      return [encodeVarint(id * 8 + LENGTH_DELIMITED), encodeVarint(value.length), value];
    }),
  );
}

/** What a message holds, by field number. @throws Error on anything that is not of these two kinds */
export class Fields {
  readonly #fields = new Map<number, Field>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
        const byte = bytes[at++];
        if (byte === undefined) break;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
      }
      throw new Error('not a varint of 32 bits');
    };
    while (at < bytes.length) {
      const key = varint();
      const kind = key % 8;
      if (kind === VARINT) {
        this.#fields.set(key >> 3, varint());
      } else if (kind === LENGTH_DELIMITED) {
        const end = varint() + at;
        if (end > bytes.length) throw new Error('a field is longer than its message');
        this.#fields.set(key >> 3, new Uint8Array(bytes.subarray(at, end)));
        at = end;
      } else {
        throw new Error(`field kind ${kind} has no place here`);
      }
    }
  }

  /** Zero is what an absent number means in this format. */
  number(id: number): number {
    return this.optionalNumber(id) ?? 0;
  }

  optionalNumber(id: number): number | undefined {
    const value = this.#fields.get(id);
    if (value !== undefined && typeof value !== 'number') throw new Error(`field ${id} is not a number`);
    return value;
  }

  bytes(id: number): Bytes {
    const value = this.#fields.get(id);
    if (!(value instanceof Uint8Array)) throw new Error(`field ${id} is not bytes`);
    return value;
  }
}
