import type { Contact } from '@carillon/client';
import { liveCall, startCall } from '../state/call.ts';
import { locale } from '../state/session.ts';
import { type CallEntry as Call, callEntryWords } from '../words/call.ts';
import { clockTime } from '../words/time.ts';
import { Icon } from './icon.tsx';

interface CallEntryProps {
  /** Undefined in a group: its call is started from the head, where the people are. */
  readonly contact: Contact | undefined;
  readonly call: Omit<Call, 'outgoing'>;
  readonly outgoing: boolean;
  readonly sentAtMs: number;
}

export function CallEntry({ contact, call, outgoing, sentAtMs }: CallEntryProps) {
  const missed = call.outcome === 'missed' && !outgoing;
  return (
    <div class={missed ? 'call-entry missed' : 'call-entry'}>
      <Icon name={missed ? 'missed' : call.video ? 'video' : 'phone'} size={18} />
      <span>
        {callEntryWords({ ...call, outgoing })}
        <time dateTime={new Date(sentAtMs).toISOString()}>{clockTime(sentAtMs, locale)}</time>
      </span>
      {contact !== undefined && (
        <button
          type="button"
          class="button small"
          disabled={liveCall.value !== undefined}
          onClick={() => void startCall([contact.accountId], call.video)}
        >
          {outgoing ? 'Call again' : 'Call back'}
        </button>
      )}
    </div>
  );
}
