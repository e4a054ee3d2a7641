import type { CallView, RemoteParticipant } from '@carillon/client';
import { CallTile } from './callTile.tsx';
import { FloatingSelf } from './floatingSelf.tsx';

/** Two people: the other large, oneself small in a corner. */
export function CallPair({ call, other }: { call: CallView; other: RemoteParticipant }) {
  return (
    <div class="pair">
      <CallTile other={other} large />
      {call.phase !== 'active' && call.phase !== 'reconnecting' && (
        <p class="pair-words" role="status">
          {call.words}
        </p>
      )}
      <FloatingSelf local={call.local} />
    </div>
  );
}
