import type { CallView } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { hangUp, setHeld } from '../state/call.ts';
import { dialog } from '../state/dialog.ts';
import { carillon } from '../state/session.ts';
import { IconButton } from './iconButton.tsx';

const canShareScreen = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

/** Closing the browser's own picker is an answer, not a failure. */
async function shareScreen(on: boolean): Promise<void> {
  try {
    await carillon().calls.setScreenShare(on);
  } catch (error) {
    const closed = error instanceof DOMException && error.name === 'NotAllowedError';
    if (!closed) throw error;
  }
}

export function CallControls({ call }: { call: CallView }) {
  const { microphoneOn, cameraOn, screenOn } = call.local;
  const running = call.phase === 'active' || call.phase === 'reconnecting';
  if (call.phase === 'ended') {
    return (
      <div class="call-controls">
        <IconButton
          icon="close"
          label="Close"
          tone="call"
          iconSize={28}
          data-testid="hang-up"
          onClick={() => void hangUp()}
        />
      </div>
    );
  }
  return (
    <div class="call-controls" role="toolbar" aria-label="Call controls">
      <IconButton
        icon={microphoneOn ? 'mic' : 'micOff'}
        label={microphoneOn ? 'Mute your microphone' : 'Unmute your microphone'}
        tone="call"
        pressed={!microphoneOn}
        data-testid="toggle-mic"
        onClick={() => void attempt(() => carillon().calls.setMicrophone(!microphoneOn))}
      />
      <IconButton
        icon={cameraOn ? 'video' : 'videoOff'}
        label={cameraOn ? 'Turn your camera off' : 'Turn your camera on'}
        tone="call"
        pressed={!cameraOn}
        disabled={call.held}
        data-testid="toggle-camera"
        onClick={() => void attempt(() => carillon().calls.setCamera(!cameraOn))}
      />
      {canShareScreen && (
        <IconButton
          icon="screen"
          label={screenOn ? 'Stop sharing your screen' : 'Share your screen'}
          tone="call"
          pressed={screenOn}
          disabled={!running || call.held}
          data-testid="toggle-screen"
          onClick={() => void attempt(() => shareScreen(!screenOn))}
        />
      )}
      <IconButton
        icon={call.held ? 'play' : 'pause'}
        label={call.held ? 'Take the call back' : 'Put the call on hold'}
        tone="call"
        pressed={call.held}
        disabled={!running}
        data-testid="toggle-hold"
        onClick={() => void setHeld(call.callId, !call.held)}
      />
      <IconButton
        icon="addPerson"
        label="Add a person"
        tone="call"
        disabled={!running}
        data-testid="add-person"
        onClick={() => {
          dialog.value = { type: 'add-person' };
        }}
      />
      <IconButton
        icon="sliders"
        label="Choose microphone, camera and loudspeaker"
        tone="call"
        data-testid="devices"
        onClick={() => {
          dialog.value = { type: 'devices' };
        }}
      />
      <IconButton
        icon="hangUp"
        label="Hang up"
        tone="danger"
        iconSize={28}
        data-testid="hang-up"
        onClick={() => void hangUp()}
      />
    </div>
  );
}
