import type { Contact, GroupId, GroupView } from '@carillon/client';
import { useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { conversationOf } from '../state/conversations.ts';
import { GROUP_MEMBERS_MAX } from '../state/limits.ts';
import { notify } from '../state/notices.ts';
import { carillon } from '../state/session.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { Field } from './field.tsx';
import { GroupMembers } from './groupMembers.tsx';
import { GroupPicture } from './groupPicture.tsx';
import { PeoplePicker } from './peoplePicker.tsx';
import { Sure } from './sure.tsx';

function Who({ group }: { group: GroupView }) {
  const [name, setName] = useState(group.name);
  const mayChange = group.admin && group.joined;
  const rename = async (event: Event) => {
    event.preventDefault();
    await attempt(async () => {
      await carillon().renameGroup(group.groupId, name.trim());
      notify('The group has a new name.');
    });
  };
  const setPicture = (picture: Uint8Array<ArrayBuffer>) =>
    void attempt(() => carillon().setGroupPicture(group.groupId, picture));
  return (
    <div class="group-form">
      <GroupPicture
        id={group.groupId}
        name={group.name}
        picture={group.picture}
        onPicture={mayChange ? setPicture : undefined}
      />
      {mayChange ? (
        <form class="form inline" onSubmit={(event) => void rename(event)}>
          <Field
            label="Name"
            value={name}
            onText={setName}
            maxLength={100}
            autoComplete="off"
            data-testid="group-name"
          />
          <button
            type="submit"
            class="button"
            disabled={name.trim() === '' || name.trim() === group.name}
            data-testid="rename-group"
          >
            Save
          </button>
        </form>
      ) : (
        <p class="profile-handle">{group.name}</p>
      )}
    </div>
  );
}

function AddPeople({ group, onDone }: { group: GroupView; onDone: () => void }) {
  const [chosen, setChosen] = useState<readonly Contact[]>([]);
  const [busy, setBusy] = useState(false);
  const present = new Set(group.members.map(({ contact }) => contact.accountId));
  const add = async () => {
    setBusy(true);
    const accounts = chosen.map(({ accountId }) => accountId);
    const done = await attempt(async () => {
      await carillon().addToGroup(group.groupId, accounts);
      return true;
    });
    setBusy(false);
    if (done) onDone();
  };
  return (
    <>
      <PeoplePicker
        chosen={chosen}
        onChange={setChosen}
        without={present}
        max={GROUP_MEMBERS_MAX - group.members.length}
      />
      <p class="hint">They see what is written from now on, not what was before.</p>
      <button
        type="button"
        class="button primary wide"
        disabled={busy || chosen.length === 0}
        data-testid="add-members-submit"
        onClick={() => void add()}
      >
        {busy ? 'One moment…' : 'Add to the group'}
      </button>
    </>
  );
}

export function GroupInfo({ id, onClose }: { id: GroupId; onClose: () => void }) {
  const [adding, setAdding] = useState(false);
  const group = conversationOf(id)?.group;
  if (group === undefined) return null;
  if (adding) {
    return (
      <DialogFrame key="adding" title="Add people" onClose={onClose} onBack={() => setAdding(false)}>
        <AddPeople group={group} onDone={() => setAdding(false)} />
      </DialogFrame>
    );
  }
  return (
    <DialogFrame key="group" title="Group" onClose={onClose}>
      <Who group={group} />
      {group.joined && <GroupMembers group={group} onAdd={() => setAdding(true)} />}
      {group.joined && (
        <Sure
          title="Leave group"
          hint="The others see that you left. What was written stays on this device."
          question="You get nothing more, and only an administrator can add you again. Really leave?"
          act="Leave"
          yes="Yes, leave"
          testId="leave-group"
          onSure={async () => {
            await carillon().leaveGroup(id);
            onClose();
          }}
        />
      )}
    </DialogFrame>
  );
}
