import { z } from 'zod';

declare const brand: unique symbol;
type Branded<T, Name> = T & { readonly [brand]: Name };

/** 16 random bytes as base64url: 22 characters. */
export type AccountId = Branded<string, 'AccountId'>;
export type CallId = Branded<string, 'CallId'>;
export type MessageId = Branded<string, 'MessageId'>;
/** `g` and 16 random bytes as base64url: 23 characters, so never an account's. */
export type GroupId = Branded<string, 'GroupId'>;
/** A conversation is with one other account or in one group, and named by it. */
export type ConversationId = AccountId | GroupId;
/** SHA-256 of a sealed blob as base64url: 43 characters. */
export type BlobId = Branded<string, 'BlobId'>;
/** 1 to 2^31 - 1, unique within its account, never used again. */
export type DeviceId = Branded<number, 'DeviceId'>;
/** A name people find each other by, folded to lower case. */
export type Handle = Branded<string, 'Handle'>;

export interface Address {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
}

const ID_16 = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const GROUP_ID = /^g[A-Za-z0-9_-]{21}[AQgw]$/;
const ID_32 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const HANDLE = /^[a-z0-9](?:[a-z0-9._-]{1,30})[a-z0-9]$/;

export const accountIdSchema = z
  .string()
  .regex(ID_16)
  .transform((s) => s as AccountId);
export const callIdSchema = z
  .string()
  .regex(ID_16)
  .transform((s) => s as CallId);
export const messageIdSchema = z
  .string()
  .regex(ID_16)
  .transform((s) => s as MessageId);
export const groupIdSchema = z
  .string()
  .regex(GROUP_ID)
  .transform((s) => s as GroupId);
export const blobIdSchema = z
  .string()
  .regex(ID_32)
  .transform((s) => s as BlobId);
export const deviceIdSchema = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .transform((n) => n as DeviceId);
/** Folds case and surrounding space; 3 to 32 characters of a-z 0-9 . _ - */
export const handleSchema = z
  .string()
  .transform((s) => s.trim().toLowerCase().replace(/^@/, ''))
  .pipe(z.string().regex(HANDLE))
  .transform((s) => s as Handle);

/** `account.device`, the form used in associated data and as map key. */
export function addressKey(address: Address): string {
  return `${address.accountId}.${address.deviceId}`;
}

export function isGroupId(id: string): id is GroupId {
  return GROUP_ID.test(id);
}
