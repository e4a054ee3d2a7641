import type { Conversation } from '@carillon/client';
import type { ComponentChildren } from 'preact';
import { attempt } from '../state/attempt.ts';
import { showList } from '../state/route.ts';
import { carillon } from '../state/session.ts';
import { keysHanded } from '../state/social.ts';
import { Composer } from './composer.tsx';
import { RequestBanner } from './requestBanner.tsx';

export function canWrite({ identityChanged, request, blocked, group }: Conversation): boolean {
  return !identityChanged && !request && !blocked && group?.joined !== false;
}

function Instead({ words, children }: { words: string; children: ComponentChildren }) {
  return (
    <section class="instead" aria-label="Why you cannot write here" data-testid="no-composer">
      <p>{words}</p>
      {children}
    </section>
  );
}

function Delete({ conversation }: { conversation: Conversation }) {
  const act = async () => {
    await carillon().deleteConversation(conversation.id);
    showList();
  };
  return (
    <button type="button" class="button small" data-testid="delete-conversation" onClick={() => void attempt(act)}>
      Delete
    </button>
  );
}

/** A group of hundreds needs a moment for a first message: its key goes to each member by itself. */
function KeysHanded({ conversation }: { conversation: Conversation }) {
  const handed = keysHanded.value.get(conversation.id);
  if (handed === undefined) return null;
  return (
    <div class="history">
      <p>
        Giving the members this group’s key: {handed.done} of {handed.total}
      </p>
      <progress aria-label="Members who have the key" value={handed.done / handed.total} />
    </div>
  );
}

/** Where one writes, or why not. */
export function ChatFoot({ conversation }: { conversation: Conversation }) {
  const { with: contact, group, identityChanged, title } = conversation;
  if (contact !== undefined && conversation.blocked) {
    return (
      <Instead words={`You have blocked ${title}. They cannot write to you or call you.`}>
        <Delete conversation={conversation} />
        <button
          type="button"
          class="button primary small"
          data-testid="unblock"
          onClick={() => void attempt(() => carillon().unblock(contact.accountId))}
        >
          Unblock
        </button>
      </Instead>
    );
  }
  if (group?.joined === false) {
    return (
      <Instead words="You are not in this group any more. What was written stays on this device.">
        <Delete conversation={conversation} />
      </Instead>
    );
  }
  if (conversation.request) return <RequestBanner conversation={conversation} />;
  return (
    <>
      <KeysHanded conversation={conversation} />
      <Composer key={conversation.id} conversation={conversation} blocked={identityChanged} />
    </>
  );
}
