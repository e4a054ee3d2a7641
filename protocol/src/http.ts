// Bodies of the HTTP requests, as both ends check them. All JSON; byte strings
// are base64url. An error is answered by `errorBodySchema` with the status of
// its code in the error table.
import { z } from 'zod';
import { accountIdSchema, blobIdSchema, deviceIdSchema, handleSchema } from './ids.ts';
import { LIMITS } from './limits.ts';

const bytes = (length: number) =>
  z
    .string()
    .length(Math.ceil((length * 4) / 3))
    .regex(/^[A-Za-z0-9_-]+$/);
const prekeyId = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const unixMs = z.number().int().nonnegative();

export const errorBodySchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryAfterMs: z.number().int().optional() }),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

export const PATHS = {
  messaging: {
    socket: '/messaging/v1/socket',
    health: '/messaging/health',
    jwks: '/messaging/.well-known/jwks.json',
    registrations: '/messaging/v1/registrations',
    verify: (registrationId: string) => `/messaging/v1/registrations/${registrationId}/verify`,
    challenges: '/messaging/v1/challenges',
    tokens: '/messaging/v1/tokens',
    /** Devices removed lately: their tokens are not to be believed any more. */
    revoked: '/messaging/.well-known/revoked.json',
    links: '/messaging/v1/links',
    link: (linkId: string) => `/messaging/v1/links/${linkId}`,
    completeLink: (linkId: string) => `/messaging/v1/links/${linkId}/complete`,
  },
  signaling: { socket: '/signaling/v1/socket', health: '/signaling/health', jwks: '/signaling/.well-known/jwks.json' },
  sfu: { socket: '/sfu/v1/socket', health: '/sfu/health' },
  media: {
    health: '/media/health',
    grants: '/media/v1/grants',
    uploads: '/media/v1/uploads',
    blob: (blobId: string) => `/media/v1/blobs/${blobId}`,
    blobUrl: (blobId: string) => `/media/v1/blobs/${blobId}/url`,
  },
} as const;

/** POST registrations: a code goes to the handle's owner by the verifier port. */
export const registrationRequestSchema = z.object({ handle: handleSchema });
export const registrationReplySchema = z.object({
  registrationId: z.string(),
  codeLength: z.number().int(),
  expiresAtMs: unixMs,
});

export const signedPrekeySchema = z.object({ id: prekeyId, publicKey: bytes(32), signature: bytes(64) });
export const oneTimePrekeySchema = z.object({ id: prekeyId, publicKey: bytes(32) });

/** ML-KEM-1024 encapsulation key (FIPS 203), signed by the identity. */
export const kemPrekeySchema = z.object({ id: prekeyId, publicKey: bytes(1568), signature: bytes(64) });

export const newDeviceSchema = z.object({
  identityKey: bytes(32),
  signedPrekey: signedPrekeySchema,
  oneTimePrekeys: z.array(oneTimePrekeySchema).max(LIMITS.oneTimePrekeysMax),
  lastResortKemPrekey: kemPrekeySchema,
  /** Few here, the others over the socket: they are large. */
  kemPrekeys: z.array(kemPrekeySchema).max(10),
});
export type NewDeviceBody = z.infer<typeof newDeviceSchema>;

/** POST verify: the code, the new device's keys, and a proof that it holds the identity. */
export const verifyRequestSchema = z.object({
  code: z.string().regex(/^\d{6}$/),
  device: newDeviceSchema,
  /** Ed25519 by identityKey over `registrationProof(registrationId)`. */
  proof: bytes(64),
});
export const verifyReplySchema = z.object({
  accountId: accountIdSchema,
  deviceId: deviceIdSchema,
  handle: handleSchema,
  /** The handle had an account: its earlier devices have been removed. */
  replacedDevices: z.boolean(),
});

/**
 * POST links: a new device asks for a link id, which it shows with a key of its
 * own as a QR code. GET links/ID waits (30 s at most) for the primary's offer.
 * POST links/ID/complete, by the device that now knows the account: it is one of its devices.
 */
export const linkReplySchema = z.object({ linkId: z.string().regex(/^[0-9a-f]{32}$/), expiresAtMs: unixMs });
/** `sealed` is missing while nobody has offered: ask again. */
export const linkOfferReplySchema = z.object({ sealed: z.string().optional() });
export const completeLinkRequestSchema = z.object({
  device: newDeviceSchema,
  /** Ed25519 by the identity over `linkProof(linkId)`. */
  proof: bytes(64),
});
export const completeLinkReplySchema = z.object({
  accountId: accountIdSchema,
  deviceId: deviceIdSchema,
  handle: handleSchema,
});

/** GET revoked: tokens of these devices issued before are void. */
export const revokedReplySchema = z.object({
  devices: z.array(z.object({ accountId: accountIdSchema, deviceId: deviceIdSchema })),
});

/** POST challenges, then POST tokens: device proof of possession. */
export const challengeRequestSchema = z.object({ accountId: accountIdSchema, deviceId: deviceIdSchema });
export const challengeReplySchema = z.object({ challenge: z.string().max(256), expiresAtMs: unixMs });
export const tokenRequestSchema = z.object({
  accountId: accountIdSchema,
  deviceId: deviceIdSchema,
  challenge: z.string().max(256),
  /** Ed25519 by the device's identity over `loginProof(challenge)`. */
  signature: bytes(64),
});
export const tokenReplySchema = z.object({ accessToken: z.string(), expiresAtMs: unixMs });

/** POST grants (bearer: access token): leave to upload one blob. */
export const grantRequestSchema = z.object({ blobId: blobIdSchema, bytes: z.number().int().min(1) });
export const grantReplySchema = z.object({
  /** Bearer token of the tus requests; valid for a day, so that an upload may be resumed. */
  grant: z.string(),
  /** Path of the tus creation endpoint. */
  uploadUrl: z.string(),
  expiresAtMs: unixMs,
  /** The blob is already here, whole: nothing to upload. */
  complete: z.boolean(),
});

/** POST blobs/ID/url (bearer: access token): a signed download URL. */
export const blobUrlReplySchema = z.object({ url: z.string(), expiresAtMs: unixMs });

/** GET health. */
export const healthReplySchema = z.object({
  service: z.string(),
  ok: z.boolean(),
  /** What is wrong, in words, when not ok. */
  problems: z.array(z.string()),
});

export type RegistrationRequest = z.infer<typeof registrationRequestSchema>;
export type RegistrationReply = z.infer<typeof registrationReplySchema>;
export type VerifyRequest = z.infer<typeof verifyRequestSchema>;
export type VerifyReply = z.infer<typeof verifyReplySchema>;
export type LinkReply = z.infer<typeof linkReplySchema>;
export type LinkOfferReply = z.infer<typeof linkOfferReplySchema>;
export type CompleteLinkRequest = z.infer<typeof completeLinkRequestSchema>;
export type CompleteLinkReply = z.infer<typeof completeLinkReplySchema>;
export type RevokedReply = z.infer<typeof revokedReplySchema>;
export type ChallengeReply = z.infer<typeof challengeReplySchema>;
export type TokenRequest = z.infer<typeof tokenRequestSchema>;
export type TokenReply = z.infer<typeof tokenReplySchema>;
export type GrantRequest = z.infer<typeof grantRequestSchema>;
export type GrantReply = z.infer<typeof grantReplySchema>;
export type BlobUrlReply = z.infer<typeof blobUrlReplySchema>;
export type HealthReply = z.infer<typeof healthReplySchema>;
