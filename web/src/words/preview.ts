import type { Message, MessageBody } from '@carillon/client';
import { callEntryWords } from './call.ts';
import { duration } from './time.ts';

/** One line that stands for a message: in the list, in notifications, for the screen reader. */
export function previewWords(body: MessageBody, outgoing: boolean): string {
  switch (body.type) {
    case 'text':
      return body.text;
    case 'notice':
      return body.words;
    case 'call':
      return callEntryWords({ ...body, outgoing });
    case 'media': {
      const { kind, caption, fileName, durationMs } = body.media;
      if (kind === 'voice-note') return `Voice note, ${duration(durationMs)}`;
      if (kind === 'file') return caption === '' ? fileName : caption;
      const name = kind === 'photo' ? 'Photo' : 'Video';
      return caption === '' ? name : `${name}: ${caption}`;
    }
    default:
      return body satisfies never;
  }
}

export function previewOf(message: Message | undefined): string {
  return message === undefined ? '' : previewWords(message.body, message.outgoing);
}
