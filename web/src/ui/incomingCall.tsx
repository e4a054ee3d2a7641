import type { CallView } from '@carillon/client';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { ring } from '../sound/ringing.ts';
import { acceptCall, declineCall, heldCall, liveCall, peopleIn } from '../state/call.ts';
import { Avatar } from './avatar.tsx';
import { Icon, type IconName } from './icon.tsx';

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
          {inCall && heldCall.value !== undefined && <p class="hint">Two calls are the most: this would end one.</p>}
        </div>
      </div>
      <div class="incoming-acts">
        <Act kind="decline" icon="hangUp" testId="decline" onClick={() => void declineCall(call.callId)}>
          Decline
        </Act>
        {inCall ? <Beside call={call} /> : <Alone call={call} />}
      </div>
    </dialog>
  );
}

interface ActProps {
  readonly kind: 'decline' | 'accept' | 'accept second';
  readonly icon: IconName;
  readonly testId: string;
  readonly children: ComponentChildren;
  onClick(): void;
}

function Act({ kind, icon, testId, children, onClick }: ActProps) {
  return (
    <button type="button" class={`call-act ${kind}`} data-testid={testId} onClick={onClick}>
      <span class="disc">
        <Icon name={icon} />
      </span>
      {children}
    </button>
  );
}

function Alone({ call }: { call: CallView }) {
  return (
    <>
      <Act kind="accept" icon="phone" testId="accept-audio" onClick={() => void acceptCall(call.callId, false)}>
        {call.video ? 'Without video' : 'Accept'}
      </Act>
      <Act
        kind={call.video ? 'accept' : 'accept second'}
        icon="video"
        testId="accept-video"
        onClick={() => void acceptCall(call.callId, true)}
      >
        {call.video ? 'Accept' : 'With video'}
      </Act>
    </>
  );
}

/** While in a call: without pictures, which can be turned on once it is clear who sees whom. */
function Beside({ call }: { call: CallView }) {
  const phase = liveCall.value?.phase;
  const holdable = heldCall.value === undefined && (phase === 'active' || phase === 'reconnecting');
  return (
    <>
      {holdable && (
        <Act kind="accept" icon="pause" testId="accept-hold" onClick={() => void acceptCall(call.callId, false, true)}>
          Hold and answer
        </Act>
      )}
      <Act
        kind={holdable ? 'accept second' : 'accept'}
        icon="phone"
        testId="accept-audio"
        onClick={() => void acceptCall(call.callId, false)}
      >
        End and answer
      </Act>
    </>
  );
}
