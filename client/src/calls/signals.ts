// What two devices of a peer call tell each other through signaling, before it
// is sealed: JSON, because descriptions and candidates are JSON already.
import { ProtocolError } from '@carillon/protocol';
import { z } from 'zod';
import { CALL_PAYLOAD_BYTES_MAX } from './callSealing.ts';

const generation = z.number().int().min(1).max(1_000_000);

const signalSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('description'),
    /** Counts the peer connections of this call: a device that starts over takes the next. */
    generation,
    /** Counts the offers of the end that makes them; an answer has the number of its offer. */
    offer: z.number().int().min(1).max(1_000_000).optional(),
    description: z.object({
      type: z.enum(['offer', 'answer', 'pranswer', 'rollback']),
      sdp: z.string().max(CALL_PAYLOAD_BYTES_MAX),
    }),
  }),
  z.object({
    type: z.literal('candidate'),
    generation,
    candidate: z.object({
      candidate: z.string().max(1_000),
      sdpMid: z.string().max(32).nullable(),
      sdpMLineIndex: z.number().int().min(0).max(64).nullable(),
      usernameFragment: z.string().max(256).nullable(),
    }),
  }),
  z.object({
    type: z.literal('media'),
    microphone: z.boolean(),
    camera: z.boolean(),
    screen: z.boolean(),
    /** Pictures that are on are left out for the link. */
    paused: z.boolean().optional(),
  }),
]);

export type Signal = z.infer<typeof signalSchema>;

export function encodeSignal(signal: Signal): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(signal)) as Uint8Array<ArrayBuffer>;
}

/** A kind of signal that this app does not know is undefined: the other may be newer. @throws ProtocolError `malformed-frame` */
export function decodeSignal(bytes: Uint8Array): Signal | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ProtocolError('malformed-frame', { cause });
  }
  const parsed = signalSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const kind = z.object({ type: z.string() }).safeParse(json);
  const known = ['description', 'candidate', 'media'];
  if (kind.success && !known.includes(kind.data.type)) return undefined;
  throw new ProtocolError('malformed-frame', { cause: parsed.error });
}
