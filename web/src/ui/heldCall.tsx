import type { CallView } from '@carillon/client';
import { peopleIn, setHeld } from '../state/call.ts';
import { Icon } from './icon.tsx';

/** The call behind the one on the screen. Taking it back holds the other. */
export function HeldCall({ call }: { call: CallView }) {
  return (
    <p class="held-call" data-testid="held-call">
      <span>{peopleIn(call)} is on hold</span>
      <button type="button" data-testid="swap-calls" onClick={() => void setHeld(call.callId, false)}>
        <Icon name="retry" size={18} />
        Swap
      </button>
    </p>
  );
}
