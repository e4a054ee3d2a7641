// The one dialog that is open; an incoming call has its own, above it.
import type { Contact, ConversationId, GroupId, MessageId } from '@carillon/client';
import { signal } from '@preact/signals';

export type OpenDialog =
  | { readonly type: 'new-chat' }
  | { readonly type: 'new-group' }
  | { readonly type: 'profile' }
  | { readonly type: 'privacy' }
  | { readonly type: 'linked-devices' }
  | { readonly type: 'call-links' }
  | { readonly type: 'link-device' }
  | { readonly type: 'contact-info'; readonly contact: Contact }
  | { readonly type: 'group-info'; readonly group: GroupId }
  | { readonly type: 'group-call'; readonly group: GroupId; readonly video: boolean }
  | { readonly type: 'message-info'; readonly message: MessageId }
  | { readonly type: 'safety-number'; readonly contact: Contact }
  | { readonly type: 'lightbox'; readonly message: MessageId; readonly conversation: ConversationId }
  | { readonly type: 'add-person' }
  | { readonly type: 'devices' };

export const dialog = signal<OpenDialog | undefined>(undefined);

export function openDialog(next: OpenDialog): void {
  dialog.value = next;
}

export function closeDialog(): void {
  dialog.value = undefined;
}
