import type { CallView } from '@carillon/client';
import { useEffect, useId, useRef } from 'preact/hooks';
import { ring } from '../sound/ringing.ts';
import { acceptCall, declineCall, liveCall, peopleIn } from '../state/call.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';

/**
 * The sheet of a call that rings here. Focus goes to its heading, never to a
 * button: a person who was typing must not accept by the next space.
 */
export function IncomingCall({ call }: { call: CallView }) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const titleId = useId();
  const stopRinging = useRef<() => void>(() => undefined);
  const inCall = liveCall.value !== undefined;
  useEffect(() => {
    const sheet = ref.current;
    const before = document.activeElement;
    sheet?.showModal();
    heading.current?.focus();
    stopRinging.current = ring();
    return () => {
      stopRinging.current();
      sheet?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const caller = call.others[0]?.contact;
  const kind = call.video ? 'Video call' : 'Voice call';
  return (
    <dialog
      ref={ref}
      class="incoming"
      aria-labelledby={titleId}
      data-testid="incoming-call"
      data-video={call.video}
      onCancel={(event) => {
        // Escape only silences: declining by a slip would be rude.
        event.preventDefault();
        stopRinging.current();
      }}
    >
      <div class="incoming-who">
        <span class="rings">{caller !== undefined && <Avatar person={caller} size="large" />}</span>
        <div>
          <h2 id={titleId} ref={heading} tabIndex={-1}>
            {peopleIn(call)}
            <span class="visually-hidden"> is calling</span>
          </h2>
          <p>
            {call.mode === 'room' ? `Group ${kind.toLowerCase()}` : kind}
            {caller !== undefined && call.others.length === 1 && ` · @${caller.handle}`}
          </p>
          {inCall && <p class="hint">Accepting ends the call you are in.</p>}
        </div>
      </div>
      <div class="incoming-acts">
        <button
          type="button"
          class="call-act decline"
          data-testid="decline"
          onClick={() => void declineCall(call.callId)}
        >
          <span class="disc">
            <Icon name="hangUp" />
          </span>
          Decline
        </button>
        <button
          type="button"
          class="call-act accept"
          data-testid="accept-audio"
          onClick={() => void acceptCall(call.callId, false)}
        >
          <span class="disc">
            <Icon name="phone" />
          </span>
          {call.video ? 'Without video' : 'Accept'}
        </button>
        <button
          type="button"
          class={call.video ? 'call-act accept' : 'call-act accept second'}
          data-testid="accept-video"
          onClick={() => void acceptCall(call.callId, true)}
        >
          <span class="disc">
            <Icon name="video" />
          </span>
          {call.video ? 'Accept' : 'With video'}
        </button>
      </div>
    </dialog>
  );
}
