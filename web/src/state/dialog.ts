// The one dialog that is open; an incoming call has its own, above it.
import type { Contact, ConversationId, MessageId } from '@carillon/client';
import { signal } from '@preact/signals';

export type OpenDialog =
  | { readonly type: 'new-chat' }
  | { readonly type: 'profile' }
  | { readonly type: 'safety-number'; readonly contact: Contact }
  | { readonly type: 'lightbox'; readonly message: MessageId; readonly conversation: ConversationId }
  | { readonly type: 'add-person' }
  | { readonly type: 'devices' };

export const dialog = signal<OpenDialog | undefined>(undefined);

export function closeDialog(): void {
  dialog.value = undefined;
}
