import type { DirectConversation } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { attach } from '../state/attachments.ts';
import { BLOB_BYTES_MAX } from '../state/limits.ts';
import { loadMessages, messages } from '../state/messages.ts';
import { followReading } from '../state/reading.ts';
import { ChatHead } from './chatHead.tsx';
import { Composer } from './composer.tsx';
import { IdentityBanner } from './identityBanner.tsx';
import { MessageList } from './messageList.tsx';
import { RequestBanner } from './requestBanner.tsx';

const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;

export function Chat({ conversation }: { conversation: DirectConversation }) {
  const contact = conversation.with;
  const [dropping, setDropping] = useState(false);
  useEffect(() => {
    void loadMessages(contact.accountId);
    return followReading(contact.accountId);
  }, [contact.accountId]);
  return (
    <section
      class="chat"
      aria-label={`Conversation with ${contact.name}`}
      data-dropping={dropping}
      onDragOver={(event) => {
        if (!carriesFiles(event) || conversation.identityChanged) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={(event) => {
        if (event.target === event.currentTarget || event.relatedTarget === null) setDropping(false);
      }}
      onDrop={(event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        setDropping(false);
        attach(contact.accountId, [...(event.dataTransfer?.files ?? [])], BLOB_BYTES_MAX);
      }}
    >
      <ChatHead contact={contact} />
      {conversation.identityChanged && <IdentityBanner contact={contact} />}
      {conversation.request && !conversation.blocked && <RequestBanner contact={contact} />}
      <MessageList contact={contact} shown={messages.value} />
      <Composer contact={contact} blocked={conversation.identityChanged} />
      {dropping && <div class="drop-hint">Drop to send to {contact.name}</div>}
    </section>
  );
}
