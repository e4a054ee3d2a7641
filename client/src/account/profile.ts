// Who this device is: the account, its identity and the counters of its prekeys.
import type { Identity } from '@carillon/messaging-core/e2ee';
import { ProtocolError } from '@carillon/protocol';
import type { Account } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

export interface DeviceKeys {
  readonly identity: Identity;
  /** Ids are never used again, so that a late message cannot meet another key. */
  readonly nextOneTimePrekeyId: number;
  readonly signedPrekeyId: number;
  readonly signedPrekeyAtMs: number;
  /** The server has answered for the one-time prekeys below this id, and for this signed one. */
  readonly publishedBelow: number;
  readonly publishedSignedId: number;
  /** One-time and last-resort KEM prekeys share their ids. */
  readonly nextKemPrekeyId: number;
  readonly publishedKemBelow: number;
  readonly lastResortKemId: number;
  readonly publishedLastResortKemId: number;
}

export const readProfile = (tx: StoreTransaction): Promise<Account | undefined> =>
  tx.get<Account>('account', 'profile');
export const writeProfile = (tx: StoreTransaction, account: Account): Promise<void> =>
  tx.put('account', 'profile', account);

/** When the person last changed their name on any of their devices. */
const NAME_CHANGED_AT = 'name-changed-at';

export const nameChangedAt = async (tx: StoreTransaction): Promise<number> =>
  (await tx.get<number>('account', NAME_CHANGED_AT)) ?? 0;

export const noteNameChangedAt = (tx: StoreTransaction, atMs: number): Promise<void> =>
  tx.put('account', NAME_CHANGED_AT, atMs);

/** @throws ProtocolError when nobody is signed in */
export async function readKeys(tx: StoreTransaction): Promise<DeviceKeys> {
  const keys = await tx.get<DeviceKeys>('account', 'keys');
  if (!keys) throw notSignedIn();
  return keys;
}
export const writeKeys = (tx: StoreTransaction, keys: DeviceKeys): Promise<void> => tx.put('account', 'keys', keys);

export function notSignedIn(): ProtocolError {
  return new ProtocolError('token-invalid', { words: 'Nobody is signed in on this device yet.' });
}
