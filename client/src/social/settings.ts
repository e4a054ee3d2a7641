// The person's choices about what others learn, and the key that opens our
// presence to contacts: its hash is with the server, the key itself only with those
// who got it end to end encrypted.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import { type AccountId, ProtocolError } from '@carillon/protocol';
import { isAccepted } from '../conversations/conversations.ts';
import type { Settings } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

export const DEFAULT_SETTINGS: Settings = {
  readReceipts: true,
  presence: 'contacts',
  callsFrom: 'everyone',
  doNotDisturb: false,
  callWaiting: true,
};

const SETTINGS = 'settings';
const KEY = 'presence-key';
/** When the person last changed settings or key on any of their devices. */
const CHANGED_AT = 'settings-changed-at';
/** The server has not been told our privacy since it changed. */
const OWED = 'privacy-owed';
const KEY_BYTES = 16;
const theirKey = (accountId: AccountId) => `presence-key/${accountId}`;

export async function readSettings(tx: StoreTransaction): Promise<Settings> {
  return { ...DEFAULT_SETTINGS, ...(await tx.get<Partial<Settings>>('social', SETTINGS)) };
}

/** What another device of ours can be told. @throws ProtocolError `invalid-request` */
export function checkSettings({ doNotDisturb }: Settings): void {
  const untilMs = doNotDisturb === false ? undefined : doNotDisturb.untilMs;
  if (untilMs !== undefined && !(Number.isSafeInteger(untilMs) && untilMs > 0)) {
    throw new ProtocolError('invalid-request', { words: 'That is no time.' });
  }
}

export const writeSettings = (tx: StoreTransaction, settings: Settings): Promise<void> =>
  tx.put('social', SETTINGS, settings);

/** Whether calls are kept from ringing at this moment. */
export function isQuiet({ doNotDisturb }: Settings, nowMs: number): boolean {
  return doNotDisturb !== false && nowMs < (doNotDisturb.untilMs ?? Number.POSITIVE_INFINITY);
}

export const settingsChangedAt = async (tx: StoreTransaction): Promise<number> =>
  (await tx.get<number>('social', CHANGED_AT)) ?? 0;

/** A linked device may not have been told yet what the person has chosen: until then it gives nothing away. */
export const areSettingsKnown = async (tx: StoreTransaction): Promise<boolean> => (await settingsChangedAt(tx)) > 0;

export const noteSettingsChangedAt = (tx: StoreTransaction, atMs: number): Promise<void> =>
  tx.put('social', CHANGED_AT, atMs);

/** After whatever any device has changed before, also when this one's clock is behind. */
export async function noteSettingsChanged(tx: StoreTransaction, nowMs: number): Promise<void> {
  await noteSettingsChangedAt(tx, Math.max(Math.trunc(nowMs), (await settingsChangedAt(tx)) + 1));
}

export const owePrivacy = (tx: StoreTransaction, owed: boolean): Promise<void> => tx.put('social', OWED, owed);
export const privacyOwed = (tx: StoreTransaction): Promise<boolean | undefined> => tx.get<boolean>('social', OWED);

/** Our presence key, made when there is none. */
export async function ownPresenceKey(tx: StoreTransaction, crypto: CryptoProvider): Promise<Uint8Array<ArrayBuffer>> {
  return (await tx.get<Uint8Array<ArrayBuffer>>('social', KEY)) ?? newPresenceKey(tx, crypto);
}

/** Whoever held the old one sees us no more. */
export async function newPresenceKey(tx: StoreTransaction, crypto: CryptoProvider): Promise<Uint8Array<ArrayBuffer>> {
  const key = crypto.randomBytes(KEY_BYTES);
  await writePresenceKey(tx, key);
  return key;
}

export const writePresenceKey = (tx: StoreTransaction, key: Uint8Array): Promise<void> =>
  tx.put('social', KEY, new Uint8Array(key));

/** What goes with a content to them: only to who is accepted, and only while contacts are to see us. */
export async function presenceKeyFor(
  tx: StoreTransaction,
  to: AccountId,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!(await areSettingsKnown(tx))) return undefined;
  if ((await readSettings(tx)).presence !== 'contacts' || !(await isAccepted(tx, to))) return undefined;
  return tx.get<Uint8Array<ArrayBuffer>>('social', KEY);
}

/** What they gave us. */
export const readTheirPresenceKey = (
  tx: StoreTransaction,
  accountId: AccountId,
): Promise<Uint8Array<ArrayBuffer> | undefined> => tx.get('social', theirKey(accountId));

export async function keepTheirPresenceKey(tx: StoreTransaction, accountId: AccountId, key: Uint8Array): Promise<void> {
  if (key.length === KEY_BYTES) await tx.put('social', theirKey(accountId), new Uint8Array(key));
}
