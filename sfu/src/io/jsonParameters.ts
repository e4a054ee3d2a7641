import { ProtocolError } from '@carillon/protocol';

/**
 * Characters of one JSON field. Chromium's capabilities with every codec come to
 * about 12 KB; more lets a client make mediasoup validate more.
 */
const JSON_CHARACTERS_MAX = 32 * 1024;

/** @throws ProtocolError `media-parameters` unless the text is a JSON object of moderate size. */
export function parseJsonObject(text: string): Record<string, unknown> {
  if (text.length > JSON_CHARACTERS_MAX) throw new ProtocolError('media-parameters');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('media-parameters', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('media-parameters');
  return value as Record<string, unknown>;
}
