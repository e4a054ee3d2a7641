import { openDialog } from '../state/dialog.ts';
import { connection } from '../state/session.ts';

/** What is on the device can still be read; to be of use again it has to forget it first. */
function Removed() {
  return (
    <div class="removed" data-testid="removed">
      <p>
        <strong>This device was removed from your account.</strong> Nothing comes here any more. Sign out to link it
        again, or to use another account.
      </p>
      <button type="button" class="button small" onClick={() => openDialog({ type: 'profile' })}>
        Sign out…
      </button>
    </div>
  );
}

/** Always there, so that the live region is known; empty and of no height while online. */
export function ConnectionBanner() {
  const { state, words, removed } = connection.value;
  const fallback =
    state === 'offline' ? 'You are offline. Messages are sent when the connection is back.' : 'Connecting…';
  return (
    <div class="connection" role="status" data-testid="connection-status" data-state={state}>
      {removed ? <Removed /> : state !== 'online' && <p>{words ?? fallback}</p>}
    </div>
  );
}
