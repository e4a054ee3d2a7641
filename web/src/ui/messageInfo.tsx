import type { MessageId } from '@carillon/client';
import { messages } from '../state/messages.ts';
import { locale } from '../state/session.ts';
import { settings } from '../state/social.ts';
import { clockTime } from '../words/time.ts';
import { DialogFrame } from './dialogFrame.tsx';

/** How far a message of ours has come in a group. */
export function MessageInfo({ id, onClose }: { id: MessageId; onClose: () => void }) {
  const message = messages.value.find((other) => other.id === id);
  const receipts = message?.receipts;
  if (message === undefined || receipts === undefined) return null;
  return (
    <DialogFrame title="Message" onClose={onClose}>
      <dl class="facts" data-testid="receipts">
        <dt>Sent</dt>
        <dd>{clockTime(message.sentAtMs, locale)}</dd>
        <dt>Delivered to</dt>
        <dd data-testid="receipts-delivered">
          {receipts.delivered} of {receipts.of}
        </dd>
        <dt>Read by</dt>
        <dd data-testid="receipts-read">
          {receipts.read} of {receipts.of}
        </dd>
      </dl>
      {settings.value?.readReceipts === false && (
        <p class="hint">You have switched read receipts off, so those of others are not shown either.</p>
      )}
    </DialogFrame>
  );
}
