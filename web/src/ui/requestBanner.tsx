import type { Conversation } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { showList } from '../state/route.ts';
import { carillon } from '../state/session.ts';
import { Icon } from './icon.tsx';

function Words({ conversation }: { conversation: Conversation }) {
  if (conversation.with !== undefined) {
    return (
      <p>
        <strong>{conversation.title} wants to write to you.</strong> Until you accept, they do not see whether you have
        read this, or when you are here.
      </p>
    );
  }
  return (
    <p>
      <strong>You were added to the group “{conversation.title}”.</strong> Until you accept, its members do not see
      whether you have read this.
    </p>
  );
}

/** Somebody new has written: they learn nothing of the person until this is decided. Stands where one would write. */
export function RequestBanner({ conversation }: { conversation: Conversation }) {
  const { id, with: contact, group } = conversation;
  const refuse = async () => {
    if (group !== undefined) await carillon().leaveGroup(group.groupId);
    await carillon().deleteConversation(id);
    showList();
  };
  return (
    <section class="identity" aria-label="Message request">
      <Icon name="shield" />
      <Words conversation={conversation} />
      <div class="identity-acts">
        {contact !== undefined && (
          <button
            type="button"
            class="button small"
            data-testid="block-request"
            onClick={() => void attempt(() => carillon().block(contact.accountId))}
          >
            Block
          </button>
        )}
        <button type="button" class="button small" data-testid="delete-request" onClick={() => void attempt(refuse)}>
          {group === undefined ? 'Delete' : 'Leave'}
        </button>
        <button
          type="button"
          class="button primary small"
          data-testid="accept-request"
          onClick={() => void attempt(() => carillon().acceptRequest(id))}
        >
          Accept
        </button>
      </div>
    </section>
  );
}
