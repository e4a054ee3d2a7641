import { liveCall } from '../state/call.ts';
import { leaveForGood, leftCall, rejoin } from '../state/leftCall.ts';
import { Icon } from './icon.tsx';

export function RejoinBanner() {
  const left = leftCall.value;
  if (left === undefined || liveCall.value !== undefined) return null;
  return (
    <section class="rejoin" aria-label="Call you were in">
      <Icon name="phone" size={20} />
      <p>{left.people === '' ? 'You were in a call.' : `You were in a call with ${left.people}.`}</p>
      <button type="button" class="button primary small" data-testid="rejoin" onClick={() => void rejoin()}>
        Rejoin
      </button>
      <button type="button" class="button plain small" onClick={() => void leaveForGood()}>
        Leave
      </button>
    </section>
  );
}
