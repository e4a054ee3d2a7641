// Messages out of a stream (RFC 8489 §6.2.2, RFC 8656 §12.5): STUN says its
// length, ChannelData too and is padded to four bytes. Pure, and bounded: it
// holds no more than one unfinished message, and copies a byte about twice
// however the stream is cut.

/** A STUN header and the 16 bits of length that follow; ChannelData is shorter. */
const STUN_HEADER_BYTES = 20;
const CHANNEL_HEADER_BYTES = 4;
/** What is needed to know how long a message is. */
const PREFIX_BYTES = 4;
const NOTHING = Buffer.alloc(0);

export class StreamFrames {
  /** The unfinished message is its first bytes; the rest is room for more. */
  #rest: Buffer = NOTHING;
  #held = 0;

  /**
   * The messages that `chunk` completes, padding included; undefined when what
   * comes is neither STUN nor ChannelData, or a message of more than
   * `messageBytesMax`: the stream cannot be followed any more.
   */
  push(chunk: Buffer, messageBytesMax = Number.POSITIVE_INFINITY): Buffer[] | undefined {
    const bytes = this.#held > 0 ? this.#append(chunk) : chunk;
    const messages: Buffer[] = [];
    let offset = 0;
    while (bytes.length - offset >= PREFIX_BYTES) {
      const kind = bytes[offset]! & 0xc0;
      const length = bytes.readUInt16BE(offset + 2);
      if (kind === 0x80 || kind === 0xc0 || (kind === 0 && length % 4 !== 0)) return undefined;
      const total = kind === 0 ? STUN_HEADER_BYTES + length : CHANNEL_HEADER_BYTES + ((length + 3) & ~3);
      if (total > messageBytesMax) return undefined;
      if (bytes.length - offset < total) break;
      messages.push(bytes.subarray(offset, offset + total));
      offset += total;
    }
    // What is appended to must not be shared: a message given away is read later too, and a few bytes of a
    // chunk would hold the whole of it.
    if (messages.length > 0 || this.#held === 0) this.#rest = Buffer.from(bytes.subarray(offset));
    this.#held = bytes.length - offset;
    return messages;
  }

  /** Room is doubled, so that a message of single bytes is not copied with each of them. */
  #append(chunk: Buffer): Buffer {
    const length = this.#held + chunk.length;
    if (length > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#rest.length));
      this.#rest.copy(larger, 0, 0, this.#held);
      this.#rest = larger;
    }
    chunk.copy(this.#rest, this.#held);
    return this.#rest.subarray(0, length);
  }
}
