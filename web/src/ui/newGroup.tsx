import type { Contact } from '@carillon/client';
import { useState } from 'preact/hooks';
import { conversationChanged } from '../state/conversations.ts';
import { openDialog } from '../state/dialog.ts';
import { GROUP_MEMBERS_MAX } from '../state/limits.ts';
import { showConversation } from '../state/route.ts';
import { carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { Field } from './field.tsx';
import { GroupPicture } from './groupPicture.tsx';
import { PeoplePicker } from './peoplePicker.tsx';

const NOBODY = new Set<never>();

export function NewGroup({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [picture, setPicture] = useState<Uint8Array<ArrayBuffer>>();
  const [chosen, setChosen] = useState<readonly Contact[]>([]);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const create = async () => {
    if (name.trim() === '') {
      setProblem('A group needs a name.');
      return;
    }
    setBusy(true);
    try {
      const members = chosen.map(({ accountId }) => accountId);
      const conversation = await carillon().createGroup(name.trim(), members, picture);
      conversationChanged(conversation);
      onClose();
      showConversation(conversation);
    } catch (error) {
      setProblem(failureWords(error));
      setBusy(false);
    }
  };
  return (
    <DialogFrame title="New group" onClose={onClose} onBack={() => openDialog({ type: 'new-chat' })}>
      <div class="group-form">
        <GroupPicture id="new" name={name} picture={picture} onPicture={setPicture} />
        <Field
          label="Name of the group"
          problem={problem}
          value={name}
          onText={(text) => {
            setName(text);
            setProblem('');
          }}
          maxLength={100}
          autoComplete="off"
          autoFocus
          data-testid="group-name"
        />
      </div>
      <PeoplePicker chosen={chosen} onChange={setChosen} without={NOBODY} max={GROUP_MEMBERS_MAX - 1} />
      <p class="hint">Name, picture and messages are encrypted. The server knows who is in the group, no more.</p>
      <button
        type="button"
        class="button primary wide"
        disabled={busy || chosen.length === 0}
        data-testid="create-group"
        onClick={() => void create()}
      >
        {busy
          ? 'One moment…'
          : chosen.length === 0
            ? 'Choose who is in it'
            : `Create with ${chosen.length} ${chosen.length === 1 ? 'person' : 'people'}`}
      </button>
    </DialogFrame>
  );
}
