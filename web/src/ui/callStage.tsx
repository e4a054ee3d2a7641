import type { CallView } from '@carillon/client';
import { isHold } from '../state/call.ts';
import { asStream } from '../state/stream.ts';
import { Avatar } from './avatar.tsx';
import { CallGrid } from './callGrid.tsx';
import { CallPair } from './callPair.tsx';
import { CallScreens } from './callScreens.tsx';

/** Those who have a place on the screen: in the call, or being rung. */
export function present(call: CallView) {
  return call.others.filter(({ state }) => state === 'joined' || state === 'invited' || state === 'ringing');
}

function Waiting({ call }: { call: CallView }) {
  const calling = call.phase === 'starting' || call.phase === 'ringing-out';
  return (
    <div class={calling ? 'call-waiting calling' : 'call-waiting'}>
      <div class="call-faces rings">
        {call.others.slice(0, 3).map(({ contact }) => (
          <Avatar key={contact.accountId} person={contact} size="huge" />
        ))}
      </div>
      <p role="status">{call.words}</p>
    </div>
  );
}

export function CallStage({ call }: { call: CallView }) {
  const others = present(call);
  const screens = others.some(({ screen }) => asStream(screen) !== undefined) || call.local.screenOn;
  if (call.phase === 'ended') return <Waiting call={call} />;
  if (isHold(call) && call.phase === 'active') return <Waiting call={call} />;
  if (screens) return <CallScreens call={call} others={others} />;
  const only = others[0];
  if (others.length === 1 && only !== undefined) return <CallPair call={call} other={only} />;
  if (others.length === 0) return <Waiting call={call} />;
  return <CallGrid call={call} others={others} />;
}
