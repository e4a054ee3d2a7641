import type { CallView } from '@carillon/client';
import { useEffect, useRef } from 'preact/hooks';
import { ringback } from '../sound/ringing.ts';
import { heldCall, minimised, peopleIn } from '../state/call.ts';
import { CallBar } from './callBar.tsx';
import { CallControls } from './callControls.tsx';
import { CallHead } from './callHead.tsx';
import { CallSound } from './callSound.tsx';
import { CallStage } from './callStage.tsx';
import { HeldCall } from './heldCall.tsx';
import { SoundBlocked } from './soundBlocked.tsx';

function useRingback(on: boolean): void {
  useEffect(() => (on ? ringback() : undefined), [on]);
}

/** The call, large or as a bar; the sound is part of both. */
export function CallScreen({ call }: { call: CallView }) {
  const ref = useRef<HTMLElement>(null);
  const small = minimised.value;
  useRingback(call.phase === 'ringing-out');
  useEffect(() => {
    if (!small) ref.current?.focus();
  }, [small]);
  return (
    <section
      ref={ref}
      class={small ? 'call minimised' : 'call'}
      tabIndex={-1}
      aria-label={`Call with ${peopleIn(call)}`}
      data-testid="call-screen"
      data-phase={call.phase}
      data-mode={call.mode}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !small) minimised.value = true;
      }}
    >
      {small ? <CallBar call={call} /> : <CallHead call={call} />}
      {call.phase === 'reconnecting' && !small && (
        <p class="call-banner" role="status">
          {call.words || 'The connection is weak. Reconnecting…'}
        </p>
      )}
      {!small && heldCall.value !== undefined && <HeldCall call={heldCall.value} />}
      {call.phase === 'active' && !small && call.linkWords !== undefined && (
        <p class="call-banner" role="status" data-testid="link-words">
          {call.linkWords}
        </p>
      )}
      {!small && (
        <div class="call-media">
          <CallStage call={call} />
        </div>
      )}
      <CallSound call={call} />
      <SoundBlocked />
      {!small && <CallControls call={call} />}
    </section>
  );
}
