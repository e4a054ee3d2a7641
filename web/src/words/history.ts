import type { HistoryProgress } from '@carillon/client';

export function historyWords({ direction, stage }: HistoryProgress): string {
  const sending = direction === 'sending';
  switch (stage) {
    case 'preparing':
      return sending ? 'Getting your messages ready for the new device' : 'Waiting for your earlier messages';
    case 'transferring':
      return sending ? 'Sending your messages to the new device' : 'Your earlier messages are coming';
    case 'importing':
      return 'Putting your earlier messages in order';
    case 'done':
      return sending ? 'The new device has your messages.' : 'Your earlier messages are here.';
    case 'failed':
      return sending ? 'Your messages could not be sent to the new device.' : 'Your earlier messages did not come.';
    default:
      return stage satisfies never;
  }
}

/** 0 to 1; undefined while it cannot be known. */
export function historyShare({ done, total }: HistoryProgress): number | undefined {
  return total > 0 ? Math.min(1, done / total) : undefined;
}
