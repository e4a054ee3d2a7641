// Two devices and their sessions, as the tests drive them.
import type { AccountId, Address, DeviceId } from '@carillon/protocol';
import {
  type CiphertextKind,
  type CryptoProvider,
  createIdentity,
  createOneTimePrekeys,
  createSignedPrekey,
  type Decrypted,
  decrypt,
  encrypt,
  type Identity,
  nobleProvider,
  type OneTimePrekeyPair,
  type PrekeyBundle,
  type SessionRecord,
  type SignedPrekeyPair,
  startSession,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';

export interface Sealed {
  readonly kind: CiphertextKind;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

export function addressOf(letter: string, deviceId = 1): Address {
  return { accountId: letter.repeat(22) as AccountId, deviceId: deviceId as DeviceId };
}

/** A provider whose randomness is a function of the seed, so that every byte of a run comes again. */
export function seededProvider(seed: string, base: CryptoProvider = nativeProvider): CryptoProvider {
  let drawn = 0;
  return {
    ...base,
    randomBytes(length) {
      const label = new TextEncoder().encode(`${seed} ${drawn++}`);
      return nobleProvider.hkdfSha256(label, new Uint8Array(32), new Uint8Array(0), length);
    },
  };
}

export class Device {
  readonly provider: CryptoProvider;
  readonly address: Address;
  readonly identity: Identity;
  readonly signedPrekey: SignedPrekeyPair;
  readonly oneTimePrekeys: Map<number, OneTimePrekeyPair>;
  record: SessionRecord | undefined;

  constructor(letter: string, provider: CryptoProvider = nativeProvider) {
    this.provider = provider;
    this.address = addressOf(letter);
    this.identity = createIdentity(provider);
    this.signedPrekey = createSignedPrekey(provider, this.identity, 1);
    this.oneTimePrekeys = new Map(createOneTimePrekeys(provider, 1, 3).map((key) => [key.id, key]));
  }

  bundle(oneTimePrekeyId?: number): PrekeyBundle {
    const oneTimePrekey = oneTimePrekeyId === undefined ? undefined : this.oneTimePrekeys.get(oneTimePrekeyId);
    return { identityKey: this.identity.publicKey, signedPrekey: this.signedPrekey, oneTimePrekey };
  }

  start(peer: Device, oneTimePrekeyId?: number): void {
    this.record = startSession(this.provider, {
      identity: this.identity,
      local: this.address,
      remote: peer.address,
      bundle: peer.bundle(oneTimePrekeyId),
      record: this.record,
    });
  }

  seal(plaintext: string | Uint8Array): Sealed {
    const bytes = typeof plaintext === 'string' ? new TextEncoder().encode(plaintext) : plaintext;
    const { record, kind, ciphertext } = encrypt(this.provider, this.record!, bytes);
    this.record = record;
    return { kind, ciphertext };
  }

  /** Opens without keeping anything. */
  tryOpen(from: Device, { kind, ciphertext }: Sealed): Decrypted {
    const prekeys = {
      signed: (id: number) => (id === this.signedPrekey.id ? this.signedPrekey : undefined),
      oneTime: (id: number) => this.oneTimePrekeys.get(id),
    };
    const input = { identity: this.identity, local: this.address, remote: from.address, record: this.record, prekeys };
    return decrypt(this.provider, input, kind, ciphertext);
  }

  /** Opens and commits, as the SDK does in one transaction. */
  open(from: Device, sealed: Sealed): string {
    const opened = this.tryOpen(from, sealed);
    this.record = opened.record;
    if (opened.usedOneTimePrekeyId !== undefined) this.oneTimePrekeys.delete(opened.usedOneTimePrekeyId);
    return new TextDecoder().decode(opened.plaintext);
  }
}

/** Two devices that have heard from each other. */
export function talkingPair(provider?: CryptoProvider): { alice: Device; bob: Device } {
  const alice = new Device('A', provider);
  const bob = new Device('Q', provider);
  alice.start(bob, 1);
  bob.open(alice, alice.seal('hello'));
  alice.open(bob, bob.seal('hello back'));
  return { alice, bob };
}

/** The E2eeError with this code, for assert.throws. */
export const refused = (code: string) => ({ name: 'E2eeError', code });
