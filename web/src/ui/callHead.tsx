import type { CallView } from '@carillon/client';
import { minimised, peopleIn } from '../state/call.ts';
import { CallTimer } from './callTimer.tsx';
import { IconButton } from './iconButton.tsx';
import { Quality } from './quality.tsx';

export function CallHead({ call }: { call: CallView }) {
  const running = call.phase === 'active' || call.phase === 'reconnecting';
  return (
    <header class="call-head">
      <IconButton
        icon="minimise"
        label="Show the chats; the call goes on"
        tone="call"
        data-testid="minimise"
        onClick={() => {
          minimised.value = true;
        }}
      />
      <div class="call-title">
        <h2>{peopleIn(call)}</h2>
        <p>
          {running && call.connectedAtMs !== undefined ? (
            <CallTimer sinceMs={call.connectedAtMs} />
          ) : (
            <span>{call.video ? 'Video call' : 'Voice call'}</span>
          )}
          {running && <Quality quality={call.quality} worded={call.quality === 1} />}
        </p>
      </div>
      <span class="call-lock" title="End-to-end encrypted">
        End-to-end encrypted
      </span>
    </header>
  );
}
