import type { Conversation } from '@carillon/client';
import { useRef, useState } from 'preact/hooks';
import { nowMs } from '../state/clock.ts';
import { draftOf } from '../state/drafts.ts';
import { openPlace, placeOf, showConversation } from '../state/route.ts';
import { locale } from '../state/session.ts';
import { typists } from '../state/social.ts';
import { typingWords } from '../words/people.ts';
import { previewOf } from '../words/preview.ts';
import { listTime } from '../words/time.ts';
import { Face } from './face.tsx';
import { Ticks } from './ticks.tsx';

interface RowProps {
  readonly conversation: Conversation;
  readonly open: boolean;
  readonly tabIndex: number;
}

/** Who said it, where that is not clear by itself. */
function authorOf({ group, lastMessage }: Conversation): string {
  if (group === undefined || lastMessage === undefined || lastMessage.body.type === 'notice') return '';
  if (lastMessage.outgoing) return 'You: ';
  return lastMessage.author === undefined ? '' : `${lastMessage.author.name}: `;
}

function Preview({ conversation, open }: Omit<RowProps, 'tabIndex'>) {
  const { lastMessage } = conversation;
  const writing = typingWords(typists.value.get(conversation.id) ?? []);
  if (writing !== '') {
    return (
      <span class="row-preview">
        <em class="row-words">{writing}</em>
      </span>
    );
  }
  const draft = open ? '' : draftOf(conversation.id);
  if (draft !== '') {
    return (
      <span class="row-preview">
        <em>Draft:</em> <span class="row-words">{draft}</span>
      </span>
    );
  }
  if (conversation.request && !conversation.blocked) {
    return (
      <span class="row-preview">
        <em class="row-words">Message request</em>
      </span>
    );
  }
  const missed = lastMessage?.body.type === 'call' && lastMessage.body.outcome === 'missed' && !lastMessage.outgoing;
  return (
    <span class={missed ? 'row-preview missed' : 'row-preview'}>
      {lastMessage !== undefined && lastMessage.body.type !== 'call' && <Ticks message={lastMessage} />}
      <span class="row-words">
        {authorOf(conversation)}
        {previewOf(lastMessage)}
      </span>
    </span>
  );
}

function Row({ conversation, open, tabIndex }: RowProps) {
  const { unread, with: contact, title, blocked } = conversation;
  return (
    <li>
      <button
        type="button"
        class="row"
        aria-current={open ? 'page' : undefined}
        tabIndex={tabIndex}
        data-testid={contact === undefined ? `group-${title}` : `conversation-${contact.handle}`}
        data-unread={unread}
        onClick={() => showConversation(conversation)}
      >
        <Face conversation={conversation} />
        <span class="row-name">
          {title}
          {blocked && <span class="row-mark">Blocked</span>}
        </span>
        <time class="row-time" dateTime={new Date(conversation.updatedAtMs).toISOString()}>
          {listTime(conversation.updatedAtMs, nowMs.value, locale)}
        </time>
        <Preview conversation={conversation} open={open} />
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
export function ConversationList({ shown }: { shown: readonly Conversation[] }) {
  const ref = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState<string>();
  const places = shown.map(placeOf);
  const stop = [active, openPlace.value, places[0]].find((place) => place !== undefined && places.includes(place));
  const move = (event: KeyboardEvent) => {
    const buttons = [...(ref.current?.querySelectorAll('button') ?? [])];
    const at = buttons.findIndex((button) => button.matches(':focus'));
    const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    const target = targets[event.key];
    const button = target === undefined ? undefined : buttons[target];
    if (button === undefined) return;
    event.preventDefault();
    setActive(places[buttons.indexOf(button)]);
    button.focus();
  };
  return (
    <ul class="rows" ref={ref} onKeyDown={move}>
      {shown.map((conversation) => {
        const place = placeOf(conversation);
        return (
          <Row
            key={conversation.id}
            conversation={conversation}
            open={place === openPlace.value}
            tabIndex={place === stop ? 0 : -1}
          />
        );
      })}
    </ul>
  );
}
