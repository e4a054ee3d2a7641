// Two devices and their sessions, as the tests drive them.
import type { AccountId, Address, DeviceId } from '@carillon/protocol';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import {
  type CiphertextKind,
  type CryptoProvider,
  createIdentity,
  createKemPrekeys,
  createLastResortKemPrekey,
  createOneTimePrekeys,
  createSignedPrekey,
  type Decrypted,
  decrypt,
  encrypt,
  type Identity,
  type KemPrekeyPair,
  nobleProvider,
  type OneTimePrekeyPair,
  type PrekeyBundle,
  type SessionRecord,
  type SignedPrekeyPair,
  startSession,
} from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';

/** A seed that a failed property printed may be given to run it again. */
const SEED = process.env.CARILLON_FUZZ_SEED;
if (SEED) fc.configureGlobal({ seed: Number(SEED) });

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
  const randomBytes = (length: number) => {
    const label = new TextEncoder().encode(`${seed} ${drawn++}`);
    return nobleProvider.hkdfSha256(label, new Uint8Array(32), new Uint8Array(0), length);
  };
  return {
    ...base,
    randomBytes,
    // OpenSSL takes no coins for it.
    kemEncapsulate(publicKey) {
      const { cipherText, sharedSecret } = ml_kem1024.encapsulate(publicKey, randomBytes(32));
      return { ciphertext: new Uint8Array(cipherText), sharedSecret: new Uint8Array(sharedSecret) };
    },
  };
}

export const LAST_RESORT_ID = 1_000;

export class Device {
  readonly provider: CryptoProvider;
  readonly address: Address;
  readonly identity: Identity;
  readonly signedPrekey: SignedPrekeyPair;
  readonly oneTimePrekeys: Map<number, OneTimePrekeyPair>;
  readonly kemPrekeys: Map<number, KemPrekeyPair>;
  record: SessionRecord | undefined;

  constructor(letter: string, provider: CryptoProvider = nativeProvider) {
    this.provider = provider;
    this.address = addressOf(letter);
    this.identity = createIdentity(provider);
    this.signedPrekey = createSignedPrekey(provider, this.identity, 1);
    this.oneTimePrekeys = new Map(createOneTimePrekeys(provider, 1, 3).map((key) => [key.id, key]));
    this.kemPrekeys = new Map(createKemPrekeys(provider, this.identity, 1, 3).map((key) => [key.id, key]));
    this.kemPrekeys.set(LAST_RESORT_ID, createLastResortKemPrekey(provider, this.identity, LAST_RESORT_ID));
  }

  /** With one-time prekeys of these ids; without, the KEM prekey is that of last resort. */
  bundle(oneTimePrekeyId?: number, kemPrekeyId = oneTimePrekeyId ?? LAST_RESORT_ID): PrekeyBundle {
    const oneTimePrekey = oneTimePrekeyId === undefined ? undefined : this.oneTimePrekeys.get(oneTimePrekeyId);
    const kemPrekey = this.kemPrekeys.get(kemPrekeyId)!;
    return { identityKey: this.identity.publicKey, signedPrekey: this.signedPrekey, oneTimePrekey, kemPrekey };
  }

  start(peer: Device, oneTimePrekeyId?: number, kemPrekeyId?: number): void {
    this.record = startSession(this.provider, {
      identity: this.identity,
      local: this.address,
      remote: peer.address,
      bundle: peer.bundle(oneTimePrekeyId, kemPrekeyId),
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
      kem: (id: number) => {
        const pair = this.kemPrekeys.get(id);
        return pair && { privateKey: pair.privateKey, lastResort: id === LAST_RESORT_ID };
      },
    };
    const input = { identity: this.identity, local: this.address, remote: from.address, record: this.record, prekeys };
    return decrypt(this.provider, input, kind, ciphertext);
  }

  /** Opens and commits, as the SDK does in one transaction. */
  open(from: Device, sealed: Sealed): string {
    const opened = this.tryOpen(from, sealed);
    this.record = opened.record;
    if (opened.usedOneTimePrekeyId !== undefined) this.oneTimePrekeys.delete(opened.usedOneTimePrekeyId);
    if (opened.usedKemPrekeyId !== undefined) this.kemPrekeys.delete(opened.usedKemPrekeyId);
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
