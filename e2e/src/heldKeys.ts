// What a device keeps for opening what others seal to it, read out of its store,
// and an envelope opened with that alone.
import { fromBinary } from '@bufbuild/protobuf';
import type { Account } from '@carillon/client';
import type { SqliteStore } from '@carillon/client/node';
import {
  decrypt,
  type Identity,
  type KemPrekeyPair,
  type OneTimePrekeyPair,
  type PrekeyLookup,
  type SessionRecord,
  type SignedPrekeyPair,
  unpad,
} from '@carillon/messaging-core/e2ee';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { type Address, addressKey, type Content, ContentSchema, EnvelopeKind } from '@carillon/protocol';
import type { QueuedEnvelope } from './taps.ts';

export interface HeldKeys {
  readonly local: Address;
  readonly identity: Identity;
  readonly prekeys: PrekeyLookup;
  /** By `addressKey` of the other device. */
  readonly sessions: ReadonlyMap<string, SessionRecord>;
}

export function heldKeys(store: SqliteStore): Promise<HeldKeys> {
  return store.transaction(async (tx) => {
    const profile = await tx.get<Account>('account', 'profile');
    const keys = await tx.get<{ identity: Identity }>('account', 'keys');
    if (!profile || !keys) throw new Error('nobody is signed in here');
    const prekeys = async <T extends { id: number }>(kind: string) => {
      const rows = await tx.list<T>('prekeys', { from: `${kind}/`, to: `${kind}0` });
      return new Map(rows.map(({ value }) => [value.id, value]));
    };
    const signed = await prekeys<SignedPrekeyPair>('signed');
    const oneTime = await prekeys<OneTimePrekeyPair>('one-time');
    const kem = await prekeys<KemPrekeyPair>('kem');
    const lastResort = await prekeys<KemPrekeyPair>('last-resort');
    const sessions = await tx.list<SessionRecord>('sessions');
    return {
      local: { accountId: profile.accountId, deviceId: profile.deviceId },
      identity: keys.identity,
      prekeys: {
        signed: (id) => signed.get(id),
        oneTime: (id) => oneTime.get(id),
        kem: (id) => {
          const pair = kem.get(id) ?? lastResort.get(id);
          return pair && { privateKey: pair.privateKey, lastResort: !kem.has(id) };
        },
      },
      sessions: new Map(sessions.map(({ key, value }) => [key, value])),
    };
  });
}

/** The content, and the keys as they are after it. @throws E2eeError */
export function openEnvelope(held: HeldKeys, envelope: QueuedEnvelope): { content: Content; held: HeldKeys } {
  const { from, ciphertext } = envelope;
  const kind = envelope.kind === EnvelopeKind.PREKEY ? 'prekey' : 'ratchet';
  const input = { ...held, remote: from, record: held.sessions.get(addressKey(from)) };
  const { plaintext, record } = decrypt(nativeProvider, input, kind, ciphertext);
  const sessions = new Map(held.sessions).set(addressKey(from), record);
  return { content: fromBinary(ContentSchema, unpad(plaintext)), held: { ...held, sessions } };
}
