import type { CallView } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { hangUp, isHold, minimised, peopleIn } from '../state/call.ts';
import { carillon } from '../state/session.ts';
import { CallTimer } from './callTimer.tsx';
import { Icon } from './icon.tsx';
import { IconButton } from './iconButton.tsx';

export function CallBar({ call }: { call: CallView }) {
  const { microphoneOn } = call.local;
  return (
    <div class="call-bar">
      <button
        type="button"
        class="call-bar-open"
        data-testid="restore"
        onClick={() => {
          minimised.value = false;
        }}
      >
        <Icon name="expand" size={18} />
        <span class="call-bar-who">
          <span class="visually-hidden">Back to the call with </span>
          {peopleIn(call)}
        </span>
        {call.phase === 'active' && !isHold(call) && call.connectedAtMs !== undefined ? (
          <CallTimer sinceMs={call.connectedAtMs} />
        ) : (
          <span class="call-bar-words">{call.words}</span>
        )}
      </button>
      <IconButton
        icon={microphoneOn ? 'mic' : 'micOff'}
        label={microphoneOn ? 'Mute' : 'Unmute'}
        tone="call"
        pressed={!microphoneOn}
        onClick={() => void attempt(() => carillon().calls.setMicrophone(!microphoneOn))}
      />
      <IconButton icon="hangUp" label="Hang up" tone="danger" data-testid="hang-up" onClick={() => void hangUp()} />
    </div>
  );
}
