import { type CipherSuite, DEFAULT_SUITE } from './cipherSuites.ts';
import { SFrameError } from './errors.ts';
import { associatedData, createFrameCipher, type FrameCipher } from './frameKey.ts';
import { decodeHeader } from './header.ts';
import { ratchetKey } from './keyDerivation.ts';
import { decodeKid, STEPS_IN_KID } from './kid.ts';
import { REPLAY_WINDOW, ReplayWindow } from './replayWindow.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * How many ratchet steps a frame may be ahead of the key held. Higher: a forged
 * KID costs that many HKDFs; lower: a device that missed more joins than this
 * must be sent the key.
 */
export const RATCHET_AHEAD_MAX = 16;
/** Keys of one participant kept for frames under way; RFC 9605 §5.1: deleted promptly. */
export const KEYS_PER_PARTICIPANT_MAX = 4;
/** Keys in all: a room's participants, with room for those who come and go. */
export const KEYS_MAX = 256;

interface ReceivingKey {
  readonly baseKey: Bytes;
  readonly cipher: FrameCipher;
  readonly replays: ReplayWindow | undefined;
}

/** The keys of everybody in a room, and what opens their frames. */
export class SFrameReceiver {
  readonly #suite: CipherSuite;
  readonly #replayWindow: number;
  /** Oldest first. */
  readonly #keys = new Map<bigint, ReceivingKey>();

  /** `replayWindow` of 0: frames may come again. */
  constructor(options: { suite?: CipherSuite; replayWindow?: number } = {}) {
    this.#suite = options.suite ?? DEFAULT_SUITE;
    this.#replayWindow = options.replayWindow ?? REPLAY_WINDOW;
  }

  /**
   * A key that is there already stays, with what has been seen of it. A new one
   * takes the place of all of its generation: a sender that started over counts
   * from the same generation again, and steps of its former key open nothing.
   */
  async setKey(kid: bigint, baseKey: Uint8Array): Promise<void> {
    const present = this.#keys.get(kid);
    if (present && sameKey(present.baseKey, baseKey)) return;
    const key = await this.#prepare(kid, new Uint8Array(baseKey));
    for (const other of this.#keys.keys()) if (other >> 8n === kid >> 8n) this.#keys.delete(other);
    this.#keep(kid, key);
  }

  removeKey(kid: bigint): void {
    this.#keys.delete(kid);
  }

  removeParticipant(participant: number): void {
    for (const kid of this.#keys.keys()) if (decodeKid(kid).participant === participant) this.#keys.delete(kid);
  }

  /**
   * Opens an SFrame ciphertext. With `participant` given, only that one's frames:
   * a server cannot show one person's picture under another's name.
   * @throws SFrameError
   */
  async decrypt(ciphertext: Bytes, metadata: Uint8Array, participant?: number): Promise<Bytes> {
    const { kid, ctr, headerBytes } = decodeHeader(ciphertext);
    if (participant !== undefined && decodeKid(kid).participant !== participant) {
      throw new SFrameError('wrong-sender', 'the frame is not from this participant');
    }
    const present = this.#keys.get(kid);
    const key = present ?? (await this.#ratchetTo(kid));
    if (key.replays?.accepts(ctr) === false) throw new SFrameError('replayed', 'the frame came before');
    const body = ciphertext.subarray(headerBytes);
    if (body.length < key.cipher.aead.tagBytes) throw new SFrameError('malformed', 'the frame is cut off');

    const aad = associatedData(ciphertext.subarray(0, headerBytes), metadata);
    let frame: Bytes;
    try {
      frame = await key.cipher.aead.decrypt(key.cipher.nonce(ctr), aad, body);
    } catch (cause) {
      throw new SFrameError('not-authentic', 'the frame is not authentic', cause);
    }
    // Another frame may have opened the same step meanwhile; its window counts.
    const kept = present ?? this.#keys.get(kid) ?? this.#keep(kid, key);
    if (kept.replays?.take(ctr) === false) throw new SFrameError('replayed', 'the frame came before');
    return frame;
  }

  async #prepare(kid: bigint, baseKey: Bytes): Promise<ReceivingKey> {
    return {
      baseKey,
      cipher: await createFrameCipher(this.#suite, kid, baseKey),
      replays: this.#replayWindow > 0 ? new ReplayWindow(this.#replayWindow) : undefined,
    };
  }

  /** The key of a later step, by ratcheting the nearest one held; kept only once a frame has opened. */
  async #ratchetTo(kid: bigint): Promise<ReceivingKey> {
    const { step } = decodeKid(kid);
    for (let ahead = 1; ahead <= RATCHET_AHEAD_MAX; ahead++) {
      const from = (kid & ~0xffn) | BigInt((step - ahead + STEPS_IN_KID) % STEPS_IN_KID);
      const held = this.#keys.get(from);
      if (!held) continue;
      let { baseKey } = held;
      for (let i = 0; i < ahead; i++) baseKey = await ratchetKey(this.#suite, baseKey);
      return this.#prepare(kid, baseKey);
    }
    throw new SFrameError('unknown-key', 'there is no key for this frame yet');
  }

  #keep(kid: bigint, key: ReceivingKey): ReceivingKey {
    this.#keys.delete(kid);
    this.#keys.set(kid, key);
    const { participant } = decodeKid(kid);
    const theirs = [...this.#keys.keys()].filter((other) => decodeKid(other).participant === participant);
    if (theirs.length > KEYS_PER_PARTICIPANT_MAX) this.#keys.delete(theirs[0]!);
    const oldest = this.#keys.keys().next();
    if (this.#keys.size > KEYS_MAX && !oldest.done) this.#keys.delete(oldest.value);
    return key;
  }
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
