import type { GroupMemberView, GroupView } from '@carillon/client';
import { useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { conversationChanged } from '../state/conversations.ts';
import { closeDialog } from '../state/dialog.ts';
import { showConversation } from '../state/route.ts';
import { account, carillon } from '../state/session.ts';
import { Avatar } from './avatar.tsx';

/** A thousand rows at once would make the dialog stutter. */
const SHOWN_AT_FIRST = 60;

function Acts({ group, member, onDone }: { group: GroupView; member: GroupMemberView; onDone: () => void }) {
  const { accountId, handle, name } = member.contact;
  const [busy, setBusy] = useState(false);
  const act = async (change: () => Promise<void>) => {
    setBusy(true);
    await attempt(change);
    setBusy(false);
    onDone();
  };
  const write = async () => {
    const conversation = await carillon().startConversation(handle);
    conversationChanged(conversation);
    closeDialog();
    showConversation(conversation);
  };
  return (
    <div class="member-acts">
      {handle !== '' && (
        <button type="button" class="button small" disabled={busy} onClick={() => void act(write)}>
          Write
        </button>
      )}
      {group.admin && (
        <>
          <button
            type="button"
            class="button small"
            disabled={busy}
            data-testid="toggle-admin"
            onClick={() => void act(() => carillon().setGroupAdmin(group.groupId, accountId, !member.admin))}
          >
            {member.admin ? 'Make ordinary member' : 'Make administrator'}
          </button>
          <button
            type="button"
            class="button danger small"
            disabled={busy}
            aria-label={`Remove ${name} from the group`}
            data-testid="remove-member"
            onClick={() => void act(() => carillon().removeFromGroup(group.groupId, [accountId]))}
          >
            Remove
          </button>
        </>
      )}
    </div>
  );
}

function Member({ group, member }: { group: GroupView; member: GroupMemberView }) {
  const [open, setOpen] = useState(false);
  const { contact, admin } = member;
  const self = contact.accountId === account.value?.accountId;
  const words = (
    <>
      <Avatar person={contact} size="small" />
      <span class="row-name">{self ? `${contact.name} (you)` : contact.name}</span>
      <span class="row-preview">{admin ? 'Admin' : contact.handle === '' ? '' : `@${contact.handle}`}</span>
    </>
  );
  return (
    <li data-testid={`member-${contact.handle}`} data-admin={admin}>
      {self ? (
        <div class="row slim">{words}</div>
      ) : (
        <button
          type="button"
          class="row slim"
          aria-expanded={open}
          title={`What to do with ${contact.name}`}
          onClick={() => setOpen(!open)}
        >
          {words}
        </button>
      )}
      {open && <Acts group={group} member={member} onDone={() => setOpen(false)} />}
    </li>
  );
}

export function GroupMembers({ group, onAdd }: { group: GroupView; onAdd: () => void }) {
  const [all, setAll] = useState(false);
  // Administrators first, then by name.
  const sorted = [...group.members].sort(
    (a, b) => Number(b.admin) - Number(a.admin) || a.contact.name.localeCompare(b.contact.name),
  );
  const shown = all ? sorted : sorted.slice(0, SHOWN_AT_FIRST);
  return (
    <section aria-label="Members">
      <div class="members-head">
        <h3>
          {group.members.length} {group.members.length === 1 ? 'member' : 'members'}
        </h3>
        {group.admin && (
          <button type="button" class="button small" data-testid="add-members" onClick={onAdd}>
            Add people
          </button>
        )}
      </div>
      <ul class="people">
        {shown.map((member) => (
          <Member key={member.contact.accountId} group={group} member={member} />
        ))}
      </ul>
      {shown.length < sorted.length && (
        <button type="button" class="button plain wide" onClick={() => setAll(true)}>
          Show all
        </button>
      )}
    </section>
  );
}
