// Files chosen, dropped or pasted, waiting in the composer for Send.
import type { ConversationId, MediaKind } from '@carillon/client';
import { signal } from '@preact/signals';
import { byteSize } from '../words/size.ts';
import { notify } from './notices.ts';

export interface Attachment {
  readonly id: number;
  readonly kind: MediaKind;
  readonly file: File;
  /** For photos: what the tray shows. */
  readonly previewUrl: string | undefined;
}

/** One act should not queue a whole disk; sending more is a second act. */
const ATTACHMENTS_MAX = 20;

/** Conversation by conversation, so that a switch does not send a photo to someone else. */
export const attachments = signal<ReadonlyMap<ConversationId, readonly Attachment[]>>(new Map());
let lastId = 0;

/** SVG may carry scripts, and a canvas loses what is in it: it goes as a file. */
export function kindOf(mimeType: string): MediaKind {
  if (mimeType.startsWith('image/') && mimeType !== 'image/svg+xml') return 'photo';
  if (mimeType.startsWith('video/')) return 'video';
  return 'file';
}

function set(to: ConversationId, list: readonly Attachment[]): void {
  const next = new Map(attachments.value);
  if (list.length === 0) next.delete(to);
  else next.set(to, list);
  attachments.value = next;
}

export function attach(to: ConversationId, files: readonly File[], bytesMax: number): void {
  const held = attachments.value.get(to) ?? [];
  const fitting = files.filter((file) => {
    if (file.size === 0) notify(`“${file.name}” is empty.`, 'problem');
    if (file.size > bytesMax) notify(`“${file.name}” is larger than ${byteSize(bytesMax)}.`, 'problem');
    return file.size > 0 && file.size <= bytesMax;
  });
  if (held.length + fitting.length > ATTACHMENTS_MAX)
    notify(`${ATTACHMENTS_MAX} files at once are the most.`, 'problem');
  const added = fitting.slice(0, ATTACHMENTS_MAX - held.length).map((file) => {
    lastId += 1;
    const kind = kindOf(file.type);
    return { id: lastId, kind, file, previewUrl: kind === 'photo' ? URL.createObjectURL(file) : undefined };
  });
  set(to, [...held, ...added]);
}

function letGo(attachment: Attachment): void {
  if (attachment.previewUrl !== undefined) URL.revokeObjectURL(attachment.previewUrl);
}

export function detach(to: ConversationId, id: number): void {
  const held = attachments.value.get(to) ?? [];
  held.filter((attachment) => attachment.id === id).forEach(letGo);
  set(
    to,
    held.filter((attachment) => attachment.id !== id),
  );
}

/** Empties the tray and hands over what was in it. */
export function takeAttachments(to: ConversationId): readonly Attachment[] {
  const held = attachments.value.get(to) ?? [];
  held.forEach(letGo);
  set(to, []);
  return held;
}

export function forgetAttachments(): void {
  for (const list of attachments.value.values()) list.forEach(letGo);
  attachments.value = new Map();
}
