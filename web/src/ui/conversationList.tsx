import type { DirectConversation } from '@carillon/client';
import { useRef, useState } from 'preact/hooks';
import { nowMs } from '../state/clock.ts';
import { draftOf } from '../state/drafts.ts';
import { openHandle, showConversation } from '../state/route.ts';
import { locale } from '../state/session.ts';
import { previewOf } from '../words/preview.ts';
import { listTime } from '../words/time.ts';
import { Avatar } from './avatar.tsx';
import { Ticks } from './ticks.tsx';

interface RowProps {
  readonly conversation: DirectConversation;
  readonly open: boolean;
  readonly tabIndex: number;
}

function Preview({ conversation }: { conversation: DirectConversation }) {
  const { lastMessage, with: contact } = conversation;
  const draft = openHandle.value === contact.handle ? '' : draftOf(contact.accountId);
  if (draft !== '') {
    return (
      <span class="row-preview">
        <em>Draft:</em> {draft}
      </span>
    );
  }
  const missed = lastMessage?.body.type === 'call' && lastMessage.body.outcome === 'missed' && !lastMessage.outgoing;
  return (
    <span class={missed ? 'row-preview missed' : 'row-preview'}>
      {lastMessage !== undefined && lastMessage.body.type !== 'call' && <Ticks message={lastMessage} />}
      <span class="row-words">{previewOf(lastMessage)}</span>
    </span>
  );
}

function Row({ conversation, open, tabIndex }: RowProps) {
  const { with: contact, unread } = conversation;
  return (
    <li>
      <button
        type="button"
        class="row"
        aria-current={open ? 'page' : undefined}
        tabIndex={tabIndex}
        data-testid={`conversation-${contact.handle}`}
        data-unread={unread}
        onClick={() => showConversation(contact.handle)}
      >
        <Avatar person={contact} />
        <span class="row-name">{contact.name}</span>
        <time class="row-time" dateTime={new Date(conversation.updatedAtMs).toISOString()}>
          {listTime(conversation.updatedAtMs, nowMs.value, locale)}
        </time>
        <Preview conversation={conversation} />
        {unread > 0 && (
          <span class="badge">
            {unread > 99 ? '99+' : unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </button>
    </li>
  );
}

/** One tab stop; the arrow keys, Home and End move within (the roving tabindex of the ARIA practices). */
export function ConversationList({ shown }: { shown: readonly DirectConversation[] }) {
  const ref = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState<string>();
  const handles = shown.map((conversation) => conversation.with.handle as string);
  const stop = [active, openHandle.value, handles[0]].find(
    (handle) => handle !== undefined && handles.includes(handle),
  );
  const move = (event: KeyboardEvent) => {
    const buttons = [...(ref.current?.querySelectorAll('button') ?? [])];
    const at = buttons.findIndex((button) => button.matches(':focus'));
    const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    const target = targets[event.key];
    const button = target === undefined ? undefined : buttons[target];
    if (button === undefined) return;
    event.preventDefault();
    setActive(handles[buttons.indexOf(button)]);
    button.focus();
  };
  return (
    <ul class="rows" ref={ref} onKeyDown={move}>
      {shown.map((conversation) => (
        <Row
          key={conversation.with.accountId}
          conversation={conversation}
          open={conversation.with.handle === openHandle.value}
          tabIndex={conversation.with.handle === stop ? 0 : -1}
        />
      ))}
    </ul>
  );
}
