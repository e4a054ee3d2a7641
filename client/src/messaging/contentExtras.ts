import { type ConversationId, isGroupId } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';
import { presenceKeyFor } from '../social/settings.ts';
import type { ContentExtras } from './content.ts';

/** What goes with every content to this conversation: where it was said, and what opens our presence. */
export async function extrasFor(tx: StoreTransaction, to: ConversationId): Promise<ContentExtras> {
  return isGroupId(to) ? { groupId: to } : { presenceKey: await presenceKeyFor(tx, to) };
}
