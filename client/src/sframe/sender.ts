import { type CipherSuite, DEFAULT_SUITE } from './cipherSuites.ts';
import { SFrameError } from './errors.ts';
import { associatedData, createFrameCipher, type FrameCipher } from './frameKey.ts';
import { encodeHeader } from './header.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Counters of one sender; at 200 frames a second they last for 44 years. */
const COUNTER_MAX = 2n ** 38n;

/**
 * Encrypts the frames of all tracks of one participant. A (KID, CTR) pair is
 * never used twice (RFC 9605 §9.1): the counter is taken before anything is
 * awaited, goes on over changes of key, and is kept nowhere; a new sender
 * therefore needs a base key that no sender had before.
 */
export class SFrameSender {
  readonly #suite: CipherSuite;
  #cipher: FrameCipher;
  #next = 0n;

  private constructor(suite: CipherSuite, cipher: FrameCipher) {
    this.#suite = suite;
    this.#cipher = cipher;
  }

  static async create(options: { kid: bigint; baseKey: Uint8Array; suite?: CipherSuite }): Promise<SFrameSender> {
    const suite = options.suite ?? DEFAULT_SUITE;
    return new SFrameSender(suite, await createFrameCipher(suite, options.kid, options.baseKey));
  }

  get kid(): bigint {
    return this.#cipher.kid;
  }

  /** Frames from then on are under this key. It must be this sender's alone. */
  async setKey(kid: bigint, baseKey: Uint8Array): Promise<void> {
    this.#cipher = await createFrameCipher(this.#suite, kid, baseKey);
  }

  /** An SFrame ciphertext: header, encrypted frame, tag. @throws SFrameError counter-exhausted */
  async encrypt(frame: Bytes, metadata: Uint8Array): Promise<Bytes> {
    const cipher = this.#cipher;
    const ctr = this.#next;
    if (ctr >= COUNTER_MAX) throw new SFrameError('counter-exhausted', 'the sender needs a fresh key');
    this.#next = ctr + 1n;
    const header = encodeHeader({ kid: cipher.kid, ctr });
    const sealed = await cipher.aead.encrypt(cipher.nonce(ctr), associatedData(header, metadata), frame);
    const whole = new Uint8Array(header.length + sealed.length);
    whole.set(header);
    whole.set(sealed, header.length);
    return whole;
  }
}
