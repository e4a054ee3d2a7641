// The ORTC dictionaries that clients send, checked before mediasoup sees them.
// mediasoup's own checks are not enough: what passes them and fails later, while
// a message to the worker is being built (a maxBitrate of "x"), leaves its message
// builder broken for every other room of that worker.
import { ProtocolError } from '@carillon/protocol';
import { z } from 'zod';

/**
 * Characters of one JSON field. Chromium's capabilities with every codec come to
 * about 12 KB; more lets a client make us validate more.
 */
const JSON_CHARACTERS_MAX = 32 * 1024;
/** Simulcast layers of one producer; the core's layer bound follows it. */
const ENCODINGS_MAX = 3;
const CODECS_MAX = 64;
const HEADER_EXTENSIONS_MAX = 64;

const text = (max: number) => z.string().max(max);
const u32 = z.int().min(0).max(0xffff_ffff);
const i32 = z.int().min(-0x8000_0000).max(0x7fff_ffff);
const payloadType = z.int().min(0).max(127);
const kind = z.enum(['audio', 'video']);
const mimeType = z.string().regex(/^(audio|video)\/[A-Za-z0-9._-]{1,32}$/i);
/** Format parameters (RFC 8866 §6.15). */
const parameters = z.record(text(64), z.union([text(256), i32, z.boolean()]));
const rtcpFeedback = z.array(z.object({ type: text(32), parameter: text(32).optional() })).max(16);
const codec = {
  mimeType,
  clockRate: z.int().min(1).max(1_000_000),
  channels: z.int().min(1).max(8).optional(),
  parameters: parameters.optional(),
  rtcpFeedback: rtcpFeedback.optional(),
};

const encoding = z.object({
  ssrc: u32.optional(),
  rid: text(16).optional(),
  rtx: z.object({ ssrc: u32 }).optional(),
  codecPayloadType: payloadType.optional(),
  dtx: z.boolean().optional(),
  scalabilityMode: z
    .string()
    .regex(/^[LS]\d{1,2}T\d{1,2}[A-Za-z_]{0,10}$/)
    .optional(),
  maxBitrate: z.number().min(0).max(0x7fff_ffff).transform(Math.floor).optional(),
});

export const rtpParametersSchema = z.object({
  mid: text(32).optional(),
  msid: text(256).optional(),
  codecs: z.array(z.object({ ...codec, payloadType })).max(CODECS_MAX),
  headerExtensions: z
    .array(z.object({ uri: text(128), id: z.int().min(1).max(255), encrypt: z.boolean().optional() }))
    .max(HEADER_EXTENSIONS_MAX)
    .optional(),
  encodings: z.array(encoding).min(1).max(ENCODINGS_MAX),
  rtcp: z.object({ cname: text(256).optional(), reducedSize: z.boolean().optional() }).optional(),
});

export const rtpCapabilitiesSchema = z.object({
  codecs: z.array(z.object({ ...codec, kind, preferredPayloadType: payloadType })).max(CODECS_MAX),
  headerExtensions: z
    .array(
      z.object({
        kind,
        uri: text(128),
        preferredId: z.int().min(1).max(255),
        preferredEncrypt: z.boolean().optional(),
        direction: z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']).optional(),
      }),
    )
    .max(HEADER_EXTENSIONS_MAX)
    .optional(),
});

/** RFC 8122 §5: hash functions and fingerprints. */
export const dtlsParametersSchema = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(
      z.object({
        algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
        value: z.string().regex(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){19,63}$/),
      }),
    )
    .min(1)
    .max(8),
});

/** @throws ProtocolError `media-parameters` unless the text is JSON of this form. */
export function parseMediaParameters<T>(json: string, schema: z.ZodType<T>): T {
  if (json.length > JSON_CHARACTERS_MAX) throw new ProtocolError('media-parameters');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ProtocolError('media-parameters', { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ProtocolError('media-parameters', { cause: parsed.error });
  return parsed.data;
}
