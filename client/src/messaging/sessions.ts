// Sealing for, and opening from, one device, inside a store transaction: the
// ratchet moves on together with what it sealed or opened, or not at all.
import {
  type Decrypted,
  decrypt,
  E2eeError,
  encrypt,
  type PrekeyBundle,
  type SessionRecord,
  startSession,
} from '@carillon/messaging-core/e2ee';
import { type Address, addressKey, EnvelopeKind, ProtocolError } from '@carillon/protocol';
import { KEM_STOCK, ONE_TIME_STOCK } from '../account/prekeyStock.ts';
import { deletePrekey, PrekeyShelf } from '../account/prekeys.ts';
import { readKeys } from '../account/profile.ts';
import type { Platform, StoreTransaction } from '../ports.ts';

export interface Sealed {
  readonly deviceId: number;
  readonly kind: EnvelopeKind;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

const resetKey = (remote: Address) => `reset/${addressKey(remote)}`;

export class Sessions {
  readonly #crypto: Platform['crypto'];
  readonly #local: Address;

  constructor(crypto: Platform['crypto'], local: Address) {
    this.#crypto = crypto;
    this.#local = local;
  }

  async has(tx: StoreTransaction, remote: Address): Promise<boolean> {
    return (await this.#read(tx, remote)) !== undefined;
  }

  /** With whom the session is; undefined when there is none. */
  async identity(tx: StoreTransaction, remote: Address): Promise<Uint8Array | undefined> {
    return (await this.#read(tx, remote))?.peerIdentity;
  }

  /** @throws ProtocolError `signature-invalid` when the bundle's keys do not belong together */
  async start(tx: StoreTransaction, remote: Address, bundle: PrekeyBundle): Promise<void> {
    const { identity } = await readKeys(tx);
    const old = await this.#read(tx, remote);
    try {
      const record = startSession(this.#crypto, { identity, local: this.#local, remote, bundle, record: old });
      await this.#write(tx, remote, record);
    } catch (cause) {
      if (!(cause instanceof E2eeError)) throw cause;
      throw new ProtocolError('signature-invalid', { cause, words: 'The keys of this person are not valid.' });
    }
  }

  /** There must be a session. */
  async seal(tx: StoreTransaction, remote: Address, padded: Uint8Array): Promise<Sealed> {
    const session = await this.#read(tx, remote);
    if (!session) throw new Error('sealed without a session');
    const { record, kind, ciphertext } = encrypt(this.#crypto, session, padded);
    await this.#write(tx, remote, record);
    return {
      deviceId: remote.deviceId,
      kind: kind === 'prekey' ? EnvelopeKind.PREKEY : EnvelopeKind.RATCHET,
      ciphertext,
    };
  }

  /** The prekey that was used up is deleted with it. @throws E2eeError, and nothing has changed */
  async open(tx: StoreTransaction, remote: Address, kind: EnvelopeKind, ciphertext: Uint8Array): Promise<Decrypted> {
    const { identity } = await readKeys(tx);
    const record = await this.#read(tx, remote);
    const shelf = new PrekeyShelf(tx);
    const input = { identity, local: this.#local, remote, record, prekeys: shelf.lookup };
    let opened: Decrypted | undefined;
    while (!opened) {
      try {
        opened = decrypt(this.#crypto, input, kind === EnvelopeKind.PREKEY ? 'prekey' : 'ratchet', ciphertext);
      } catch (error) {
        if (!(await shelf.load())) throw error;
      }
    }
    if (opened.usedOneTimePrekeyId !== undefined) await deletePrekey(tx, ONE_TIME_STOCK, opened.usedOneTimePrekeyId);
    if (opened.usedKemPrekeyId !== undefined) await deletePrekey(tx, KEM_STOCK, opened.usedKemPrekeyId);
    await this.#write(tx, remote, opened.record);
    await tx.delete('sessions', resetKey(remote));
    return opened;
  }

  /** True the first time since something from this device could last be read. */
  async claimReset(tx: StoreTransaction, remote: Address): Promise<boolean> {
    if (await tx.get('sessions', resetKey(remote))) return false;
    await tx.put('sessions', resetKey(remote), true);
    return true;
  }

  #read(tx: StoreTransaction, remote: Address): Promise<SessionRecord | undefined> {
    return tx.get<SessionRecord>('sessions', addressKey(remote));
  }

  #write(tx: StoreTransaction, remote: Address, record: SessionRecord): Promise<void> {
    return tx.put('sessions', addressKey(remote), record);
  }
}
