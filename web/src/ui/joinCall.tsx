import type { Contact, JoiningView } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { liveCall } from '../state/call.ts';
import { joining, leaveLink } from '../state/callLinks.ts';
import { account, carillon, connection } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { Avatar } from './avatar.tsx';
import { DialogFrame } from './dialogFrame.tsx';

interface Read {
  readonly owner: Contact;
  readonly video: boolean;
}

function Waiting({ now, onAgain }: { now: JoiningView; onAgain: () => void }) {
  const isOver = now.phase === 'over';
  return (
    <>
      <p role="status" data-testid="join-words" data-phase={now.phase} data-end={now.end}>
        {now.words}
      </p>
      {!isOver && <progress class="wide" aria-label="Waiting to be let in" />}
      {isOver && (
        <button type="button" class="button wide" data-testid="join-again" onClick={onAgain}>
          Ask again
        </button>
      )}
    </>
  );
}

/** The address is somebody's call link: who it is, and what they will learn. */
export function JoinCall({ link }: { link: string }) {
  const [read, setRead] = useState<Read>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let isLeft = false;
    carillon()
      .links.read(link)
      .then(
        (found) => {
          if (isLeft) return;
          setRead(found);
          setProblem('');
        },
        (error: unknown) => !isLeft && setProblem(failureWords(error)),
      );
    return () => {
      isLeft = true;
    };
    // What could not be asked offline is asked when there is a connection again.
  }, [connection.value.state === 'online']);
  const now = joining.value;
  if (liveCall.value !== undefined) return null;
  const ask = () => {
    setProblem('');
    carillon()
      .links.join(link)
      .catch((error: unknown) => setProblem(failureWords(error)));
  };
  const leave = () => {
    void carillon().links.cancel();
    leaveLink();
  };
  const isWaiting = now !== undefined && now.phase !== 'over';
  return (
    <DialogFrame title="Call link" onClose={leave}>
      {read !== undefined && (
        <div class="profile-who">
          <Avatar person={read.owner} size="large" />
          <div>
            <p class="profile-handle">{read.owner.name}</p>
            <p class="hint">
              @{read.owner.handle} · {read.video ? 'video call' : 'voice call'}
            </p>
          </div>
        </div>
      )}
      {read === undefined && problem === '' && <p class="quiet">Looking whose link this is…</p>}
      <p class="problem" role="alert" data-testid="join-problem">
        {problem}
      </p>
      {now !== undefined && <Waiting now={now} onAgain={ask} />}
      {read !== undefined && now === undefined && (
        <>
          <p class="hint">They see that @{account.value?.handle} wants to join, and let you in or not.</p>
          <button type="button" class="button primary wide" data-testid="join-call" onClick={ask}>
            Ask to join
          </button>
        </>
      )}
      <button type="button" class="button wide" data-testid="join-leave" onClick={leave}>
        {isWaiting ? 'Cancel' : 'Close'}
      </button>
    </DialogFrame>
  );
}
