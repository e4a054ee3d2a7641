// Messages out of a stream (RFC 8489 §6.2.2, RFC 8656 §12.5): STUN says its
// length, ChannelData too and is padded to four bytes. Pure, and bounded: it
// holds no more than one unfinished message.

/** A STUN header and the 16 bits of length that follow; ChannelData is shorter. */
const STUN_HEADER_BYTES = 20;
const CHANNEL_HEADER_BYTES = 4;
/** What is needed to know how long a message is. */
const PREFIX_BYTES = 4;

export class StreamFrames {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The messages that `chunk` completes, padding included; undefined when what
   * comes is neither STUN nor ChannelData: the stream cannot be followed any more.
   */
  push(chunk: Buffer): Buffer[] | undefined {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const messages: Buffer[] = [];
    while (bytes.length >= PREFIX_BYTES) {
      const kind = bytes[0]! & 0xc0;
      const length = bytes.readUInt16BE(2);
      if (kind === 0x80 || kind === 0xc0 || (kind === 0 && length % 4 !== 0)) return undefined;
      const total = kind === 0 ? STUN_HEADER_BYTES + length : CHANNEL_HEADER_BYTES + ((length + 3) & ~3);
      if (bytes.length < total) break;
      messages.push(bytes.subarray(0, total));
      bytes = bytes.subarray(total);
    }
    // A copy, so that a few bytes do not hold the whole chunk.
    this.#rest = Buffer.from(bytes);
    return messages;
  }
}
