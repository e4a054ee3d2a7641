// What the signed tokens say (JWT, EdDSA; RFC 7519, RFC 8037) and the strings
// that devices sign. Every signature has a domain of its own, so that none can
// stand for another.
import { z } from 'zod';
import { concatBytes, utf8 } from './bytes.ts';
import { type AccountId, accountIdSchema, blobIdSchema, callIdSchema, deviceIdSchema } from './ids.ts';

export const TOKEN = {
  issuer: { messaging: 'carillon-messaging', signaling: 'carillon-signaling', media: 'carillon-media' },
  audience: { access: 'carillon-access', room: 'carillon-room', upload: 'carillon-upload' },
} as const;

/** Life of an access token. Shorter makes devices ask more often; longer makes lists of removed devices longer. */
export const ACCESS_TOKEN_LIFE_MS = 10 * 60_000;
/** By how much clocks of the machines of one system may differ. */
export const CLOCK_SKEW_MS = 60_000;

/** Access token: messaging-core to every service. */
export const accessClaimsSchema = z.object({ sub: accountIdSchema, dev: deviceIdSchema, exp: z.number() });
export type AccessClaims = z.infer<typeof accessClaimsSchema>;

/** Room ticket: signaling to sfu. `node` names the SFU the room was assigned to. */
export const roomClaimsSchema = z.object({
  sub: accountIdSchema,
  dev: deviceIdSchema,
  room: callIdSchema,
  num: z.number().int().min(1),
  node: z.string(),
  exp: z.number(),
});
export type RoomClaims = z.infer<typeof roomClaimsSchema>;

/** Upload grant: media-pipeline to itself, by way of the device. */
export const uploadClaimsSchema = z.object({
  sub: accountIdSchema,
  blob: blobIdSchema,
  bytes: z.number().int(),
  exp: z.number(),
});
export type UploadClaims = z.infer<typeof uploadClaimsSchema>;

/** What a device signs to register: proves that it holds the identity it names. */
export function registrationProof(registrationId: string): Uint8Array<ArrayBuffer> {
  return utf8(`carillon registration v1\0${registrationId}`);
}

/** What a device signs to log in. */
export function loginProof(challenge: string): Uint8Array<ArrayBuffer> {
  return utf8(`carillon login v1\0${challenge}`);
}

/** What an identity signs to vouch for its signed prekey. */
export function prekeyProof(prekeyId: number, publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8('carillon signed prekey v1\0'), uint32(prekeyId), publicKey);
}

/** What a new device signs to become one of an account's: proves that it holds the identity it names. */
export function linkProof(linkId: string): Uint8Array<ArrayBuffer> {
  return utf8(`carillon link v1\0${linkId}`);
}

/** What an identity signs to vouch for its ML-KEM-1024 prekey. */
export function kemPrekeyProof(prekeyId: number, publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8('carillon kem prekey v1\0'), uint32(prekeyId), publicKey);
}

/** What the primary identity signs: these identities, in this order, are the account's. */
export function deviceListProof(
  accountId: AccountId,
  revision: number,
  identityKeys: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8(`carillon device list v1\0${accountId}\0`), uint32(revision), ...identityKeys);
}

/** What a member's device signs: an encoded GroupChange. */
export function groupChangeProof(change: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8('carillon group change v1\0'), change);
}

function uint32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
