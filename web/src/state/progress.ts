// How far each upload and download is.
import type { MessageId, TransferProgress } from '@carillon/client';
import { signal } from '@preact/signals';

export const progress = signal<ReadonlyMap<MessageId, TransferProgress>>(new Map());

export function progressChanged(change: TransferProgress): void {
  const next = new Map(progress.value);
  if (change.stage === 'done') next.delete(change.messageId);
  else next.set(change.messageId, change);
  progress.value = next;
}

export function progressWords(transfer: TransferProgress): string {
  switch (transfer.stage) {
    case 'preparing':
      return 'Preparing';
    case 'encrypting':
      // Sealed whole, and the upload has not begun: the server is out of reach, or others go first.
      return transfer.totalBytes > 0 && transfer.doneBytes >= transfer.totalBytes ? 'Waiting to upload' : 'Encrypting';
    case 'transferring':
      return transfer.direction === 'up' ? 'Uploading' : 'Downloading';
    case 'done':
      return 'Done';
    default:
      return transfer.stage satisfies never;
  }
}

/** 0 to 1; undefined while it cannot be known. */
export function progressShare(transfer: TransferProgress): number | undefined {
  return transfer.totalBytes > 0 ? Math.min(1, transfer.doneBytes / transfer.totalBytes) : undefined;
}
