import { listLoaded } from '../state/conversations.ts';
import { dialog } from '../state/dialog.ts';
import { openPlace } from '../state/route.ts';
import { Logo } from './logo.tsx';

/** What the right side of a large screen shows before a conversation is chosen. */
export function NoChat() {
  if (openPlace.value !== undefined && !listLoaded.value) return <div class="no-chat" aria-busy="true" />;
  return (
    <div class="no-chat">
      <Logo size={96} />
      <h2>Whom would you like to ring?</h2>
      <p class="quiet">
        Choose a conversation, or find someone by their handle. Everything you say is encrypted on this device.
      </p>
      <button
        type="button"
        class="button primary"
        onClick={() => {
          dialog.value = { type: 'new-chat' };
        }}
      >
        New conversation
      </button>
    </div>
  );
}
