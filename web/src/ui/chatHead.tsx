import type { Contact, Conversation, GroupView } from '@carillon/client';
import { liveCall, startCall } from '../state/call.ts';
import { nowMs } from '../state/clock.ts';
import { openDialog } from '../state/dialog.ts';
import { CALL_PARTICIPANTS_MAX } from '../state/limits.ts';
import { showList } from '../state/route.ts';
import { account, locale } from '../state/session.ts';
import { presence, typists } from '../state/social.ts';
import { memberWords, presenceWords, typingWords } from '../words/people.ts';
import { Face } from './face.tsx';
import { IconButton } from './iconButton.tsx';

/** More names than these are cut off by the screen anyway. */
const NAMES_MAX = 6;

const othersIn = (group: GroupView) =>
  group.members.map(({ contact }) => contact).filter(({ accountId }) => accountId !== account.value?.accountId);

function groupWords(group: GroupView): string {
  if (!group.joined) return 'You are not in this group';
  return memberWords([...othersIn(group).map(({ name }) => name), 'you'], NAMES_MAX);
}

/** The second line: who is writing, else who is here, else who it is. */
function Below({ conversation }: { conversation: Conversation }) {
  const { with: contact, group } = conversation;
  const writing = typingWords(typists.value.get(conversation.id) ?? []);
  const here = contact === undefined ? '' : presenceWords(presence.value.get(contact.accountId), nowMs.value, locale);
  const who = contact === undefined ? (group === undefined ? '' : groupWords(group)) : `@${contact.handle}`;
  return (
    <p
      class={writing === '' ? 'chat-below' : 'chat-below writing'}
      data-testid="chat-below"
      data-typing={writing !== ''}
      data-online={contact !== undefined && presence.value.get(contact.accountId)?.online === true}
    >
      {writing || here || who}
    </p>
  );
}

function ContactCalls({ contact, disabled }: { contact: Contact; disabled: boolean }) {
  return (
    <>
      <IconButton
        icon="phone"
        label={`Voice call with ${contact.name}`}
        disabled={disabled}
        data-testid="call-audio"
        onClick={() => void startCall([contact.accountId], false)}
      />
      <IconButton
        icon="video"
        label={`Video call with ${contact.name}`}
        disabled={disabled}
        data-testid="call-video"
        onClick={() => void startCall([contact.accountId], true)}
      />
    </>
  );
}

/** A small group rings whole; of a large one the person chooses whom. */
function GroupCalls({ group, disabled }: { group: GroupView; disabled: boolean }) {
  const others = othersIn(group).map(({ accountId }) => accountId);
  const start = (video: boolean) => {
    if (others.length < CALL_PARTICIPANTS_MAX) void startCall(others, video);
    else openDialog({ type: 'group-call', group: group.groupId, video });
  };
  const nobody = !group.joined || others.length === 0;
  return (
    <>
      <IconButton
        icon="phone"
        label="Voice call with the group"
        disabled={disabled || nobody}
        data-testid="call-audio"
        onClick={() => start(false)}
      />
      <IconButton
        icon="video"
        label="Video call with the group"
        disabled={disabled || nobody}
        data-testid="call-video"
        onClick={() => start(true)}
      />
    </>
  );
}

export function ChatHead({ conversation }: { conversation: Conversation }) {
  const { with: contact, group, title } = conversation;
  const busy = liveCall.value !== undefined || conversation.blocked;
  const showInfo = () => {
    if (contact !== undefined) openDialog({ type: 'contact-info', contact });
    else if (group !== undefined) openDialog({ type: 'group-info', group: group.groupId });
  };
  return (
    <header class="chat-head">
      <span class="only-phone">
        <IconButton icon="back" label="Back to conversations" onClick={showList} data-testid="back" />
      </span>
      <div class="chat-who">
        <Face conversation={conversation} size="small" />
        <div class="chat-words">
          <h2>
            <button
              type="button"
              title={contact === undefined ? 'About this group' : `About ${title}`}
              data-testid="chat-info"
              onClick={showInfo}
            >
              {title}
            </button>
          </h2>
          <Below conversation={conversation} />
        </div>
      </div>
      {contact !== undefined && (
        <IconButton
          icon="shield"
          label="Safety number"
          data-testid="safety"
          onClick={() => openDialog({ type: 'safety-number', contact })}
        />
      )}
      {contact !== undefined && <ContactCalls contact={contact} disabled={busy} />}
      {group !== undefined && <GroupCalls group={group} disabled={busy} />}
    </header>
  );
}
