// Our side: the session protocol's core under the other side's profile. What is
// here beside it is what the profile owns: framing of first messages, and which
// prekeys a device holds.

import type { CryptoProvider, KeyPair } from '@carillon/messaging-core/e2ee';
import {
  deriveAgreed,
  E2eeError,
  initiatorAgreements,
  initiatorRatchet,
  type ProtocolProfile,
  type RatchetState,
  ratchetDecrypt,
  ratchetEncrypt,
  responderAgreements,
  responderRatchet,
} from '@carillon/messaging-core/e2ee/core';
import { concatBytes } from '@carillon/protocol';
import { encodeFields, Fields } from './protobufFields.ts';
import type { SeededRandom } from './seededRandom.ts';
import {
  decodeKemKey,
  decodeKey,
  encodeKemKey,
  encodeKey,
  PQXDH_INFO,
  splitWhisperMessage,
  versionByte,
  type WhisperSession,
  whisperProfile,
  whisperProvider,
  X3DH_INFO,
} from './whisperProfile.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface OfferedKey {
  readonly id: number;
  readonly publicKey: Bytes;
}
interface SignedKey extends OfferedKey {
  readonly signature: Bytes;
}

/** A prekey bundle; keys in their typed encoding. Without a KEM prekey it is X3DH's. */
export interface PrekeyOffer {
  readonly identityKey: Bytes;
  readonly signedPrekey: SignedKey;
  readonly oneTimePrekey: OfferedKey | undefined;
  readonly kemPrekey: SignedKey | undefined;
}

export interface Sealed {
  /** Whether it carries the handshake. */
  readonly begins: boolean;
  readonly bytes: Bytes;
}

interface Session {
  readonly context: WhisperSession;
  readonly profile: ProtocolProfile<WhisperSession, unknown>;
  /** The initiator's key of the handshake: it tells which session a first message begins. */
  readonly baseKey: Bytes;
  /** Fields of the handshake that go with every message until the other side has answered. */
  readonly handshake: readonly (readonly [number, number | Bytes | undefined])[] | undefined;
  ratchet: RatchetState;
}

const REGISTRATION_ID = 1;
const SIGNED_PREKEY_ID = 21;
const KEM_PREKEY_ID = 22;
const ONE_TIME_PREKEY_ID = 23;

// Fields of a first message.
const FIELD = {
  oneTimePrekeyId: 1,
  baseKey: 2,
  identityKey: 3,
  message: 4,
  registrationId: 5,
  signedPrekeyId: 6,
  kemPrekeyId: 7,
  kemCiphertext: 8,
};

export class OurDevice {
  readonly #provider: CryptoProvider;
  readonly #identity: KeyPair;
  readonly #signedPrekey: KeyPair;
  readonly #kemPrekey: KeyPair;
  #oneTimePrekey: KeyPair | undefined;
  #session: Session | undefined;

  constructor(random: SeededRandom) {
    this.#provider = whisperProvider(random);
    this.#identity = this.#provider.x25519KeyPair(random.bytes(32));
    this.#signedPrekey = this.#provider.x25519KeyPair(random.bytes(32));
    this.#kemPrekey = this.#provider.kemKeyPair(random.bytes(64));
  }

  #sign(id: number, publicKey: Bytes): SignedKey {
    return { id, publicKey, signature: this.#provider.ed25519Sign(this.#identity.privateKey, publicKey) };
  }

  offer(parts: { readonly oneTime: boolean; readonly kem: boolean }): PrekeyOffer {
    if (parts.oneTime) this.#oneTimePrekey = this.#provider.x25519KeyPair(this.#provider.randomBytes(32));
    return {
      identityKey: encodeKey(this.#identity.publicKey),
      signedPrekey: this.#sign(SIGNED_PREKEY_ID, encodeKey(this.#signedPrekey.publicKey)),
      oneTimePrekey: this.#oneTimePrekey && {
        id: ONE_TIME_PREKEY_ID,
        publicKey: encodeKey(this.#oneTimePrekey.publicKey),
      },
      kemPrekey: parts.kem ? this.#sign(KEM_PREKEY_ID, encodeKemKey(this.#kemPrekey.publicKey)) : undefined,
    };
  }

  get hasOneTimePrekey(): boolean {
    return this.#oneTimePrekey !== undefined;
  }

  /** X3DH's initiator, or PQXDH's when the bundle has a KEM prekey. */
  start({ identityKey, signedPrekey, oneTimePrekey, kemPrekey }: PrekeyOffer): void {
    const provider = this.#provider;
    const remote = {
      identity: decodeKey(identityKey),
      signedPrekey: decodeKey(signedPrekey.publicKey),
      oneTimePrekey: oneTimePrekey && decodeKey(oneTimePrekey.publicKey),
    };
    for (const { publicKey, signature } of kemPrekey ? [signedPrekey, kemPrekey] : [signedPrekey]) {
      if (!provider.ed25519Verify(remote.identity, publicKey, signature)) {
        throw new E2eeError('bad-signature', 'the prekey is not signed by this identity');
      }
    }
    const ephemeral = provider.x25519KeyPair(provider.randomBytes(32));
    const secrets = { identity: this.#identity.privateKey, ephemeral: ephemeral.privateKey };
    const kem = kemPrekey && provider.kemEncapsulate(decodeKemKey(kemPrekey.publicKey));
    const secret = this.#derive(initiatorAgreements(provider, secrets, remote), kem?.sharedSecret);
    this.#session = {
      ...this.#contextWith(remote.identity, kemPrekey !== undefined),
      baseKey: ephemeral.publicKey,
      handshake: [
        [FIELD.registrationId, REGISTRATION_ID],
        [FIELD.oneTimePrekeyId, oneTimePrekey?.id],
        [FIELD.signedPrekeyId, signedPrekey.id],
        [FIELD.kemPrekeyId, kemPrekey?.id],
        [FIELD.kemCiphertext, kem && encodeKemKey(kem.ciphertext)],
        [FIELD.baseKey, encodeKey(ephemeral.publicKey)],
        [FIELD.identityKey, encodeKey(this.#identity.publicKey)],
      ],
      ratchet: initiatorRatchet(secret, remote.signedPrekey),
    };
  }

  seal(plaintext: Uint8Array): Sealed {
    const session = this.#session;
    if (!session) throw new Error('there is no session yet');
    const { context, profile, handshake } = session;
    const { state, message } = ratchetEncrypt(this.#provider, profile.ratchet, session.ratchet, context, plaintext);
    session.ratchet = state;
    if (!handshake || state.receiving.length > 0) return { begins: false, bytes: message };
    const fields = encodeFields([...handshake, [FIELD.message, message]]);
    return { begins: true, bytes: concatBytes(versionByte(context.version), fields) };
  }

  /** @throws E2eeError; whatever is refused changes nothing */
  open({ begins, bytes }: Sealed): Uint8Array {
    if (begins) return this.#openFirst(new Fields(bytes.subarray(1)));
    if (!this.#session) throw new E2eeError('no-session', 'there is no session yet');
    return this.#openIn(this.#session, bytes);
  }

  #openFirst(fields: Fields): Uint8Array {
    const baseKey = decodeKey(fields.bytes(FIELD.baseKey));
    const isKnown = this.#session && Buffer.compare(this.#session.baseKey, baseKey) === 0;
    const session = isKnown ? this.#session! : this.#respond(fields, baseKey);
    const plaintext = this.#openIn(session, fields.bytes(FIELD.message));
    if (!isKnown) {
      this.#session = session;
      this.#oneTimePrekey = undefined;
    }
    return plaintext;
  }

  /** X3DH's responder, or PQXDH's. */
  #respond(fields: Fields, ephemeral: Bytes): Session {
    const provider = this.#provider;
    const remote = { identity: decodeKey(fields.bytes(FIELD.identityKey)), ephemeral };
    const usesOneTime = fields.optionalNumber(FIELD.oneTimePrekeyId) !== undefined;
    if (usesOneTime && !this.#oneTimePrekey) throw new E2eeError('unknown-prekey', 'the one-time prekey is gone');
    const secrets = {
      identity: this.#identity.privateKey,
      signedPrekey: this.#signedPrekey.privateKey,
      oneTimePrekey: usesOneTime ? this.#oneTimePrekey!.privateKey : undefined,
    };
    const usesKem = fields.optionalNumber(FIELD.kemPrekeyId) !== undefined;
    const kemSecret = usesKem
      ? provider.kemDecapsulate(this.#kemPrekey.privateKey, decodeKemKey(fields.bytes(FIELD.kemCiphertext)))
      : undefined;
    const secret = this.#derive(responderAgreements(provider, secrets, remote), kemSecret);
    return {
      ...this.#contextWith(remote.identity, usesKem),
      baseKey: ephemeral,
      handshake: undefined,
      ratchet: responderRatchet(secret, this.#signedPrekey),
    };
  }

  #openIn(session: Session, bytes: Bytes): Uint8Array {
    const { context, profile } = session;
    const message = splitWhisperMessage(bytes);
    const { state, plaintext } = ratchetDecrypt(this.#provider, profile.ratchet, session.ratchet, context, message);
    session.ratchet = state;
    return plaintext;
  }

  // The other side derives a first chain key as well, which no message ever uses:
  // who is written to first makes a new chain before answering.
  #derive(agreements: readonly Bytes[], kemSecret: Bytes | undefined): Bytes {
    return deriveAgreed(this.#provider, kemSecret ? PQXDH_INFO : X3DH_INFO, agreements, kemSecret, 64).slice(0, 32);
  }

  #contextWith(remoteIdentity: Uint8Array, usesKem: boolean): Pick<Session, 'context' | 'profile'> {
    const context = { version: usesKem ? 4 : 3, localIdentity: this.#identity.publicKey, remoteIdentity } as const;
    return { context, profile: whisperProfile(usesKem ? PQXDH_INFO : X3DH_INFO) };
  }

  isDuplicate(error: unknown): boolean {
    return error instanceof E2eeError && error.code === 'duplicate-message';
  }
}
