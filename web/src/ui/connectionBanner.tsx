import { connection } from '../state/session.ts';

/** Always there, so that the live region is known; empty and of no height while online. */
export function ConnectionBanner() {
  const { state, words } = connection.value;
  const fallback =
    state === 'offline' ? 'You are offline. Messages are sent when the connection is back.' : 'Connecting…';
  return (
    <div class="connection" role="status" data-testid="connection-status" data-state={state}>
      {state !== 'online' && <p>{words ?? fallback}</p>}
    </div>
  );
}
