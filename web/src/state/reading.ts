// Tells the other side what has been read: when the conversation is open and
// the page is in front of the person, not before.
import type { ConversationId } from '@carillon/client';
import { effect } from '@preact/signals';
import { attempt } from './attempt.ts';
import { liveCall, minimised } from './call.ts';
import { conversationOf } from './conversations.ts';
import { carillon } from './session.ts';

export function followReading(id: ConversationId): () => void {
  const read = () => {
    const covered = liveCall.value !== undefined && !minimised.value;
    const unread = conversationOf(id)?.unread ?? 0;
    if (unread > 0 && !covered && document.visibilityState === 'visible') {
      void attempt(() => carillon().markRead(id));
    }
  };
  const stop = effect(read);
  document.addEventListener('visibilitychange', read);
  return () => {
    stop();
    document.removeEventListener('visibilitychange', read);
  };
}
