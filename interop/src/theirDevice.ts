// A device of the other implementation: a black box behind its public interface,
// with its stores in memory.
import * as signal from 'libsignal-0.72';
import type { PrekeyOffer, Sealed } from './ourDevice.ts';

class Sessions extends signal.SessionStore {
  readonly #records = new Map<string, signal.SessionRecord>();
  override async saveSession(name: signal.ProtocolAddress, record: signal.SessionRecord): Promise<void> {
    this.#records.set(name.toString(), record);
  }
  override async getSession(name: signal.ProtocolAddress): Promise<signal.SessionRecord | null> {
    return this.#records.get(name.toString()) ?? null;
  }
  override getExistingSessions(): Promise<signal.SessionRecord[]> {
    throw new Error('not for sessions of two');
  }
}

class Identities extends signal.IdentityKeyStore {
  readonly keyPair = signal.IdentityKeyPair.generate();
  readonly registrationId: number;
  constructor(registrationId: number) {
    super();
    this.registrationId = registrationId;
  }
  override async getIdentityKey(): Promise<signal.PrivateKey> {
    return this.keyPair.privateKey;
  }
  override async getLocalRegistrationId(): Promise<number> {
    return this.registrationId;
  }
  override async saveIdentity(): Promise<signal.IdentityChange> {
    return signal.IdentityChange.NewOrUnchanged;
  }
  override async isTrustedIdentity(): Promise<boolean> {
    return true;
  }
  override async getIdentity(): Promise<signal.PublicKey | null> {
    return null;
  }
}

class OneTimePrekeys extends signal.PreKeyStore {
  readonly records = new Map<number, signal.PreKeyRecord>();
  override async savePreKey(id: number, record: signal.PreKeyRecord): Promise<void> {
    this.records.set(id, record);
  }
  override async getPreKey(id: number): Promise<signal.PreKeyRecord> {
    const record = this.records.get(id);
    if (!record) throw new Error(`there is no one-time prekey ${id}`);
    return record;
  }
  override async removePreKey(id: number): Promise<void> {
    this.records.delete(id);
  }
}

class SignedPrekeys extends signal.SignedPreKeyStore {
  readonly record: signal.SignedPreKeyRecord;
  constructor(record: signal.SignedPreKeyRecord) {
    super();
    this.record = record;
  }
  override async saveSignedPreKey(): Promise<void> {}
  override async getSignedPreKey(): Promise<signal.SignedPreKeyRecord> {
    return this.record;
  }
}

class KemPrekeys extends signal.KyberPreKeyStore {
  readonly record: signal.KyberPreKeyRecord;
  constructor(record: signal.KyberPreKeyRecord) {
    super();
    this.record = record;
  }
  override async saveKyberPreKey(): Promise<void> {}
  override async getKyberPreKey(): Promise<signal.KyberPreKeyRecord> {
    return this.record;
  }
  override async markKyberPreKeyUsed(): Promise<void> {}
}

const SIGNED_PREKEY_ID = 11;
const KEM_PREKEY_ID = 12;
const ONE_TIME_PREKEY_ID = 13;
const US = signal.ProtocolAddress.new('ours', 1);
const whole = (bytes: Uint8Array) => new Uint8Array(bytes);

export class TheirDevice {
  readonly #identities = new Identities(2);
  readonly #sessions = new Sessions();
  readonly #oneTimePrekeys = new OneTimePrekeys();
  readonly #signedPrekeys: SignedPrekeys;
  readonly #kemPrekeys: KemPrekeys;

  constructor() {
    const identity = this.#identities.keyPair.privateKey;
    const signed = signal.PrivateKey.generate();
    const signature = identity.sign(signed.getPublicKey().serialize());
    this.#signedPrekeys = new SignedPrekeys(
      signal.SignedPreKeyRecord.new(SIGNED_PREKEY_ID, 0, signed.getPublicKey(), signed, signature),
    );
    const kem = signal.KEMKeyPair.generate();
    this.#kemPrekeys = new KemPrekeys(
      signal.KyberPreKeyRecord.new(KEM_PREKEY_ID, 0, kem, identity.sign(kem.getPublicKey().serialize())),
    );
  }

  async offer(parts: { readonly oneTime: boolean; readonly kem: boolean }): Promise<PrekeyOffer> {
    const { record: signed } = this.#signedPrekeys;
    const { record: kem } = this.#kemPrekeys;
    const oneTime = signal.PrivateKey.generate();
    const record = signal.PreKeyRecord.new(ONE_TIME_PREKEY_ID, oneTime.getPublicKey(), oneTime);
    if (parts.oneTime) await this.#oneTimePrekeys.savePreKey(ONE_TIME_PREKEY_ID, record);
    return {
      identityKey: whole(this.#identities.keyPair.publicKey.serialize()),
      signedPrekey: {
        id: signed.id(),
        publicKey: whole(signed.publicKey().serialize()),
        signature: whole(signed.signature()),
      },
      oneTimePrekey: parts.oneTime
        ? { id: ONE_TIME_PREKEY_ID, publicKey: whole(oneTime.getPublicKey().serialize()) }
        : undefined,
      kemPrekey: parts.kem
        ? { id: kem.id(), publicKey: whole(kem.publicKey().serialize()), signature: whole(kem.signature()) }
        : undefined,
    };
  }

  /** Whether the one-time prekey is still there to be used. */
  get hasOneTimePrekey(): boolean {
    return this.#oneTimePrekeys.records.size > 0;
  }

  async start({ identityKey, signedPrekey, oneTimePrekey, kemPrekey }: PrekeyOffer): Promise<void> {
    const bundle = signal.PreKeyBundle.new(
      1,
      1,
      oneTimePrekey?.id ?? null,
      oneTimePrekey ? signal.PublicKey.deserialize(Buffer.from(oneTimePrekey.publicKey)) : null,
      signedPrekey.id,
      signal.PublicKey.deserialize(Buffer.from(signedPrekey.publicKey)),
      Buffer.from(signedPrekey.signature),
      signal.PublicKey.deserialize(Buffer.from(identityKey)),
      kemPrekey?.id ?? null,
      kemPrekey ? signal.KEMPublicKey.deserialize(Buffer.from(kemPrekey.publicKey)) : null,
      kemPrekey ? Buffer.from(kemPrekey.signature) : null,
    );
    await signal.processPreKeyBundle(bundle, US, this.#sessions, this.#identities);
  }

  async seal(plaintext: Uint8Array): Promise<Sealed> {
    const message = await signal.signalEncrypt(Buffer.from(plaintext), US, this.#sessions, this.#identities);
    const begins = message.type() === signal.CiphertextMessageType.PreKey;
    return { begins, bytes: whole(message.serialize()) };
  }

  async open({ begins, bytes }: Sealed): Promise<Uint8Array> {
    const buffer = Buffer.from(bytes);
    if (!begins) {
      return signal.signalDecrypt(signal.SignalMessage.deserialize(buffer), US, this.#sessions, this.#identities);
    }
    return signal.signalDecryptPreKey(
      signal.PreKeySignalMessage.deserialize(buffer),
      US,
      this.#sessions,
      this.#identities,
      this.#oneTimePrekeys,
      this.#signedPrekeys,
      this.#kemPrekeys,
    );
  }

  /** Whether it was refused for having been opened before. */
  isDuplicate(error: unknown): boolean {
    return error instanceof signal.LibSignalErrorBase && error.code === signal.ErrorCode.DuplicatedMessage;
  }
}
