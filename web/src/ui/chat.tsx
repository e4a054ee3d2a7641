import type { Conversation } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { attach } from '../state/attachments.ts';
import { BLOB_BYTES_MAX } from '../state/limits.ts';
import { loadMessages, messages } from '../state/messages.ts';
import { followReading } from '../state/reading.ts';
import { followPeople } from '../state/social.ts';
import { ChatFoot, canWrite } from './chatFoot.tsx';
import { ChatHead } from './chatHead.tsx';
import { IdentityBanner } from './identityBanner.tsx';
import { MessageList } from './messageList.tsx';

const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;

export function Chat({ conversation }: { conversation: Conversation }) {
  const { id, title, with: contact } = conversation;
  const [dropping, setDropping] = useState(false);
  useEffect(() => {
    void loadMessages(id);
    const stopReading = followReading(id);
    const stopPeople = followPeople(id);
    return () => {
      stopReading();
      stopPeople();
    };
  }, [id]);
  return (
    <section
      class="chat"
      aria-label={contact === undefined ? `Group ${title}` : `Conversation with ${title}`}
      data-dropping={dropping}
      onDragOver={(event) => {
        if (!carriesFiles(event) || !canWrite(conversation)) return;
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
        if (canWrite(conversation)) attach(id, [...(event.dataTransfer?.files ?? [])], BLOB_BYTES_MAX);
      }}
    >
      <ChatHead conversation={conversation} />
      {conversation.identityChanged && contact !== undefined && <IdentityBanner contact={contact} />}
      <MessageList conversation={conversation} shown={messages.value} />
      <ChatFoot conversation={conversation} />
      {dropping && <div class="drop-hint">Drop to send to {title}</div>}
    </section>
  );
}
