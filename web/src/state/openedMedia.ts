// Opened photos, videos and voice notes as object URLs, shared by whatever
// shows them and given back to the browser when nothing does.
import type { Message, MessageId } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { failureWords } from '../words/failure.ts';
import { carillon } from './session.ts';

/** Unused URLs kept for a scroll back; each holds its whole file in memory. */
const KEPT_MAX = 12;

interface Entry {
  users: number;
  readonly url: Promise<string>;
}

const entries = new Map<MessageId, Entry>();

async function open(message: MessageId): Promise<string> {
  const { bytes, mimeType } = await carillon().openMedia(message);
  return URL.createObjectURL(new Blob([bytes], { type: mimeType }));
}

function acquire(message: MessageId): Promise<string> {
  const entry = entries.get(message) ?? { users: 0, url: open(message) };
  entry.users += 1;
  // Taken out and put in again: the map's order is the order of last use.
  entries.delete(message);
  entries.set(message, entry);
  entry.url.catch(() => entries.delete(message));
  return entry.url;
}

function release(message: MessageId): void {
  const entry = entries.get(message);
  if (entry !== undefined) entry.users -= 1;
  const unused = [...entries].filter(([, { users }]) => users === 0);
  for (const [id, { url }] of unused.slice(0, Math.max(0, unused.length - KEPT_MAX))) {
    entries.delete(id);
    url.then(URL.revokeObjectURL, () => undefined);
  }
}

export type Opened =
  | { readonly state: 'closed' | 'opening' }
  | { readonly state: 'open'; readonly url: string }
  | { readonly state: 'failed'; readonly words: string };

/** Opens the message's media while `wanted`; call `again` after a failure. */
export function useOpenedMedia(message: Message, wanted: boolean): { opened: Opened; again: () => void } {
  const [opened, setOpened] = useState<Opened>({ state: 'closed' });
  const [turn, setTurn] = useState(0);
  const ready = message.body.type === 'media' && message.body.media.blobId !== undefined;
  useEffect(() => {
    if (!wanted || !ready) return;
    let gone = false;
    setOpened({ state: 'opening' });
    acquire(message.id).then(
      (url) => gone || setOpened({ state: 'open', url }),
      (error: unknown) => gone || setOpened({ state: 'failed', words: failureWords(error) }),
    );
    return () => {
      gone = true;
      release(message.id);
    };
  }, [message.id, wanted, ready, turn]);
  return { opened, again: () => setTurn((count) => count + 1) };
}
