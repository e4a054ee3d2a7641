import type { Contact, GroupId } from '@carillon/client';
import { useState } from 'preact/hooks';
import { startCall } from '../state/call.ts';
import { conversationOf } from '../state/conversations.ts';
import { CALL_PARTICIPANTS_MAX } from '../state/limits.ts';
import { account } from '../state/session.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { PeopleChoice } from './peoplePicker.tsx';

interface GroupCallProps {
  readonly id: GroupId;
  readonly video: boolean;
  readonly onClose: () => void;
}

/** A call has room for fewer than a large group has members. */
export function GroupCall({ id, video, onClose }: GroupCallProps) {
  const [chosen, setChosen] = useState<readonly Contact[]>([]);
  const members = conversationOf(id)?.group?.members ?? [];
  const others = members
    .map(({ contact }) => contact)
    .filter(({ accountId }) => accountId !== account.value?.accountId);
  const max = CALL_PARTICIPANTS_MAX - 1;
  return (
    <DialogFrame title="Whom shall it ring?" onClose={onClose}>
      <p>
        A call has room for you and {max} others. {chosen.length} of {max} chosen.
      </p>
      <PeopleChoice label="Whom to call" from={others} chosen={chosen} onChange={setChosen} max={max} />
      <button
        type="button"
        class="button primary wide"
        disabled={chosen.length === 0}
        data-testid="start-group-call"
        onClick={() => {
          onClose();
          void startCall(
            chosen.map(({ accountId }) => accountId),
            video,
          );
        }}
      >
        {video ? 'Start the video call' : 'Start the call'}
      </button>
    </DialogFrame>
  );
}
