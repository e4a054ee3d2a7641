import type { MessageId } from '@carillon/client';
import { progress, progressShare, progressWords } from '../state/progress.ts';

/** How far an upload or download is, in a bar and in words. */
export function TransferBar({ message }: { message: MessageId }) {
  const transfer = progress.value.get(message);
  if (transfer === undefined) return null;
  const share = progressShare(transfer);
  const words = progressWords(transfer);
  return (
    <span class="transfer" data-testid="transfer" data-stage={transfer.stage}>
      <progress value={share} max={1} aria-label={words} />
      <span aria-hidden="true">
        {words}
        {share !== undefined && transfer.stage === 'transferring' ? ` ${Math.round(share * 100)} %` : '…'}
      </span>
    </span>
  );
}
