// What a linked device gets of the past, as lines of JSON: contacts with whom
// they are trusted by, conversations, and their last messages. Media go as keys,
// not as bytes.
import { fromBinary } from '@bufbuild/protobuf';
import {
  accountIdSchema,
  base64urlToBytes,
  bytesToBase64url,
  type ConversationId,
  callIdSchema,
  groupIdSchema,
  handleSchema,
  MediaMessageSchema,
  type MessageId,
  messageIdSchema,
  utf8,
} from '@carillon/protocol';
import { z } from 'zod';
import type { ContactRecord } from '../contacts/contactRecord.ts';
import type { ConversationRecord } from '../conversations/conversations.ts';
import { mediaInfo, parseMedia } from '../media/mediaMessage.ts';
import type { Message, MessageBody } from '../model.ts';

const NEWLINE = 10;
const LINE_BYTES_MAX = 256 * 1024;

const bytes = z.string().transform((text) => base64urlToBytes(text));
const conversationId = z.union([accountIdSchema, groupIdSchema]) as z.ZodType<ConversationId>;
const unixMs = z.number().int().nonnegative();
const contact = z.object({ accountId: accountIdSchema, handle: handleSchema, name: z.string() });

const bodySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('notice'), words: z.string() }),
  z.object({
    type: z.literal('call'),
    callId: callIdSchema,
    outcome: z.enum(['missed', 'completed', 'declined']),
    video: z.boolean(),
    durationMs: z.number(),
  }),
  /** Everything is in the encoded MediaMessage. */
  z.object({ type: z.literal('media'), media: bytes }),
]);

const lineSchema = z.discriminatedUnion('line', [
  contact.extend({
    line: z.literal('contact'),
    trusted: z.array(bytes),
    lists: z.array(z.object({ revision: z.number().int(), identityKeys: z.array(bytes) })),
    former: z.array(bytes),
  }),
  z.object({
    line: z.literal('conversation'),
    id: conversationId,
    updatedAtMs: unixMs,
    accepted: z.boolean(),
    heard: z.boolean(),
  }),
  z.object({
    line: z.literal('message'),
    id: messageIdSchema,
    conversation: conversationId,
    outgoing: z.boolean(),
    author: contact.optional(),
    body: bodySchema,
    sentAtMs: unixMs,
    status: z.enum(['sent', 'delivered', 'read', 'unread']),
    receipts: z.object({ delivered: z.number(), read: z.number(), of: z.number() }).optional(),
  }),
]);

type Line = z.infer<typeof lineSchema>;
export type ContactLine = Extract<Line, { line: 'contact' }>;
export type ConversationLine = Extract<Line, { line: 'conversation' }>;
export type MessageLine = Extract<Line, { line: 'message' }>;

const encode = (line: z.input<typeof lineSchema>): Uint8Array<ArrayBuffer> => utf8(`${JSON.stringify(line)}\n`);

export function contactLine({ accountId, handle, name, trusted, lists, former }: ContactRecord) {
  return encode({
    line: 'contact',
    accountId,
    handle,
    name,
    trusted: trusted.map(bytesToBase64url),
    lists: lists.map(({ revision, identityKeys }) => ({ revision, identityKeys: identityKeys.map(bytesToBase64url) })),
    former: former.map(bytesToBase64url),
  });
}

export function conversationLine({ id, updatedAtMs, accepted, heard }: ConversationRecord) {
  return encode({ line: 'conversation', id, updatedAtMs: Math.trunc(updatedAtMs), accepted, heard });
}

/** Undefined for what is not to be passed on: what is not sent comes as a copy once it is. */
export function messageLine(message: Message, mediaKey: Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
  const { id, conversation, outgoing, author, sentAtMs, status, receipts } = message;
  if (status === 'sending' || status === 'failed') return undefined;
  const body = bodyLine(message.body, mediaKey);
  if (!body) return undefined;
  return encode({
    line: 'message',
    id,
    conversation,
    outgoing,
    ...(author ? { author } : {}),
    body,
    sentAtMs: Math.trunc(sentAtMs),
    status,
    ...(receipts ? { receipts } : {}),
  });
}

function bodyLine(body: MessageBody, mediaKey: Uint8Array | undefined): z.input<typeof bodySchema> | undefined {
  switch (body.type) {
    case 'text':
    case 'notice':
    case 'call':
      return body;
    case 'media':
      return mediaKey && { type: 'media', media: bytesToBase64url(mediaKey) };
    // Of a newer kind than this knows.
    default:
      return undefined;
  }
}

/** What is not readable is passed over. */
export function* readLines(blob: Uint8Array): Generator<Line | undefined> {
  const decoder = new TextDecoder();
  for (let start = 0; start < blob.length; ) {
    const found = blob.indexOf(NEWLINE, start);
    const end = found < 0 ? blob.length : found;
    yield end - start <= LINE_BYTES_MAX ? readLine(decoder.decode(blob.subarray(start, end))) : undefined;
    start = end + 1;
  }
}

function readLine(text: string): Line | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function messageOf(line: MessageLine): { message: Message; mediaKey: Uint8Array | undefined } | undefined {
  const { id, conversation, outgoing, author, sentAtMs, status, receipts } = line;
  const message = {
    id: id as MessageId,
    conversation,
    outgoing,
    author,
    sentAtMs,
    status,
    receipts,
    failure: undefined,
  };
  if (line.body.type !== 'media') return { message: { ...message, body: line.body }, mediaKey: undefined };
  const media = readMedia(line.body.media);
  if (!media) return undefined;
  return { message: { ...message, body: { type: 'media', media: mediaInfo(media) } }, mediaKey: line.body.media };
}

function readMedia(encoded: Uint8Array) {
  try {
    return parseMedia(fromBinary(MediaMessageSchema, encoded));
  } catch {
    return undefined;
  }
}
