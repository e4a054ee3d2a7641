// The frame keys of a room: ours, as the schedule has it, and the others', each
// taken only from an encrypted envelope of the very device that the roster
// names under that number. Signaling and SFU can therefore neither read a frame
// nor pass one person's picture off as another's.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import { addressKey, type CallId } from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import { DEFAULT_SUITE, encodeKid, ratchetKey } from '../sframe/index.ts';
import { graceOver, type KeyEffect, type KeyStep, membersChanged, noSchedule } from './core/frameKeySchedule.ts';
import type { Joined } from './core/roster.ts';

/** After a leave; more leaves meanwhile share the fresh key. Longer: who left may listen that much longer. */
const GRACE_MS = 300;
/** Between sending a fresh key and using it: about the time of an envelope, so that few frames come before their key. */
const SWITCH_AFTER_MS = 250;
/** Keys kept for devices that the roster does not name yet. */
const EARLY_MAX = 32;
const SEND_ATTEMPTS = 3;
const KEY_BYTES = 32;

export interface FrameKeyListener {
  /** Frames from now on are under this key. */
  sending(kid: bigint, key: Uint8Array): void;
  receiving(kid: bigint, key: Uint8Array): void;
  forget(participant: number): void;
}

/** What a room's frame worker takes its keys from. */
export interface FrameKeyStore {
  /** Tells the present keys at once, and every change. Returns the way to stop. */
  subscribe(listener: FrameKeyListener): () => void;
}

interface ReceivedKey {
  readonly kid: bigint;
  readonly generation: number;
  readonly step: number;
  readonly key: Uint8Array;
}

export class FrameKeys implements FrameKeyStore {
  readonly #callId: CallId;
  readonly #channel: ContentChannel;
  readonly #crypto: CryptoProvider;
  readonly #stop: () => void;
  readonly #listeners = new Set<FrameKeyListener>();
  readonly #received = new Map<number, ReceivedKey>();
  #early: ReceivedContent[] = [];
  #schedule = noSchedule;
  #key: Uint8Array = new Uint8Array(KEY_BYTES);
  #sending: Pick<ReceivedKey, 'kid' | 'key'> | undefined;
  #work: Promise<void> = Promise.resolve();
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #switchTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: { callId: CallId; channel: ContentChannel; crypto: CryptoProvider }) {
    this.#callId = options.callId;
    this.#channel = options.channel;
    this.#crypto = options.crypto;
    this.#stop = options.channel.onContent('frameKey', (received) => this.#onKey(received));
  }

  /** The devices in the call besides this one, and this one's number. */
  setMembers(number: number, others: readonly Joined[]): void {
    this.#apply(membersChanged(this.#schedule, number, others));
    const early = this.#early;
    this.#early = [];
    for (const received of early) this.#onKey(received);
  }

  subscribe(listener: FrameKeyListener): () => void {
    this.#listeners.add(listener);
    if (this.#sending) listener.sending(this.#sending.kid, this.#sending.key);
    for (const { kid, key } of this.#received.values()) listener.receiving(kid, key);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#switchTimer);
    this.#listeners.clear();
    this.#key.fill(0);
  }

  #apply({ schedule, effects }: KeyStep): void {
    this.#schedule = schedule;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: KeyEffect): void {
    const { number, generation, step } = this.#schedule;
    const kid = encodeKid({ participant: number, generation, step });
    switch (effect.type) {
      case 'fresh':
        this.#queue(() => {
          this.#key = this.#crypto.randomBytes(KEY_BYTES);
          const first = this.#sending === undefined;
          clearTimeout(this.#switchTimer);
          const key = this.#key;
          if (first) this.#use(kid, key);
          else this.#switchTimer = setTimeout(() => this.#use(kid, key), SWITCH_AFTER_MS);
        });
        break;
      case 'ratchet':
        this.#queue(async () => {
          this.#key = await ratchetKey(DEFAULT_SUITE, this.#key);
          clearTimeout(this.#switchTimer);
          this.#use(kid, this.#key);
        });
        break;
      case 'send':
        this.#queue(() => {
          const value = { callId: this.#callId, number, generation, step, key: this.#key };
          for (const member of effect.to) void this.#send(member, value);
        });
        break;
      case 'wait':
        clearTimeout(this.#graceTimer);
        this.#graceTimer = setTimeout(() => this.#apply(graceOver(this.#schedule)), GRACE_MS);
        break;
      case 'forget':
        this.#received.delete(effect.number);
        for (const listener of this.#listeners) listener.forget(effect.number);
        break;
      default:
        effect satisfies never;
    }
  }

  #queue(run: () => Promise<void> | void): void {
    this.#work = this.#work.then(() => (this.#closed ? undefined : run()));
  }

  #use(kid: bigint, key: Uint8Array): void {
    this.#sending = { kid, key };
    for (const listener of this.#listeners) listener.sending(kid, key);
  }

  async #send(
    { device, number }: Joined,
    value: { callId: CallId; number: number; generation: number; step: number; key: Uint8Array },
  ): Promise<void> {
    for (let attempt = 1; attempt <= SEND_ATTEMPTS && !this.#closed && this.#schedule.members.has(number); attempt++) {
      try {
        await this.#channel.sendToDevice(device, { case: 'frameKey', value }, { urgent: true });
        return;
      } catch {
        // The messaging socket may be away; the channel waits for it, and this asks again.
        await new Promise((resolve) => setTimeout(resolve, 500 * attempt));
      }
    }
  }

  #onKey(received: ReceivedContent): void {
    const { from, content } = received;
    if (content.body.case !== 'frameKey' || content.body.value.callId !== this.#callId) return;
    const { number, generation, step, key } = content.body.value;
    if (key.length !== KEY_BYTES) return;
    const member = this.#schedule.members.get(number);
    if (!member) {
      // It may have overtaken the roster that names its sender.
      this.#early.push(received);
      if (this.#early.length > EARLY_MAX) this.#early.shift();
      return;
    }
    if (addressKey(member.device) !== addressKey(from)) return;
    const kid = encodeKid({ participant: number, generation, step });
    const before = this.#received.get(number);
    this.#received.set(number, { kid, generation, step, key });
    for (const listener of this.#listeners) listener.receiving(kid, key);
    // A key that begins anew is from a page that was loaded again: it has lost ours too.
    const isLater =
      !before || generation > before.generation || (generation === before.generation && step > before.step);
    if (!isLater && !isSameKey(before.key, key)) this.#run({ type: 'send', to: [member] });
  }
}

function isSameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
