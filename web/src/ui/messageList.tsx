import type { Conversation, Message } from '@carillon/client';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { timeline } from '../layout/timeline.ts';
import { nowMs } from '../state/clock.ts';
import { allLoaded, loading, loadOlder, unreadFrom } from '../state/messages.ts';
import { locale } from '../state/session.ts';
import { dayLabel } from '../words/time.ts';
import { Icon } from './icon.tsx';
import { MessageRow } from './messageRow.tsx';

/** Within this of the end the list follows new messages. */
const NEAR_END_PX = 120;
/** Room above the mark of unread messages. */
const MARK_MARGIN_PX = 24;

function isAtEnd(list: HTMLElement): boolean {
  return list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
}

/** The end, unless that hides where the person stopped reading. */
function showBeginningOfUnread(list: HTMLElement): void {
  list.scrollTop = list.scrollHeight;
  const mark = list.querySelector('.unread-mark');
  const above = mark === null ? 0 : mark.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (above < 0) list.scrollTop += above - MARK_MARGIN_PX;
}

/** Keeps the eye's place: at the end when it was there, at the same message when older ones come above. */
function useScrollPlace(shown: readonly Message[]) {
  const list = useRef<HTMLElement>(null);
  const place = useRef({ atEnd: true, height: 0, firstId: '', lastId: '' });
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const firstId = shown[0]?.id ?? '';
    const lastId = shown.at(-1)?.id ?? '';
    const before = place.current;
    const ownNew = lastId !== before.lastId && shown.at(-1)?.outgoing === true;
    const opening = before.lastId === '' && lastId !== '';
    if (opening) showBeginningOfUnread(element);
    else if (before.atEnd || ownNew) element.scrollTop = element.scrollHeight;
    else if (firstId !== before.firstId) element.scrollTop += element.scrollHeight - before.height;
    const atEnd = opening ? isAtEnd(element) : before.atEnd || ownNew;
    place.current = { atEnd, height: element.scrollHeight, firstId, lastId };
  }, [shown]);
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    // Pictures that open and a keyboard that slides in change the heights without a new message.
    const observer = new ResizeObserver(() => {
      if (place.current.atEnd) element.scrollTop = element.scrollHeight;
      place.current.height = element.scrollHeight;
    });
    observer.observe(element);
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);
  const onScroll = () => {
    const element = list.current;
    if (element === null) return;
    place.current.atEnd = isAtEnd(element);
  };
  return { list, onScroll };
}

/** Loads older messages when the mark above the first one comes near the view. */
function OlderMark() {
  const ref = useRef<HTMLDivElement>(null);
  const done = allLoaded.value;
  const busy = loading.value;
  useEffect(() => {
    if (ref.current === null || done || busy) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && void loadOlder(),
      {
        root: ref.current.closest('.messages'),
        rootMargin: '300px 0px 0px 0px',
      },
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [done, busy]);
  return (
    <div ref={ref} class="older" aria-hidden={!busy}>
      {busy && 'Loading…'}
    </div>
  );
}

function Beginning({ conversation }: { conversation: Conversation }) {
  return (
    <p class="beginning">
      <Icon name="shield" size={16} />
      Messages and calls {conversation.group === undefined ? `with ${conversation.title}` : 'in this group'} are
      end-to-end encrypted. Nobody else can open them, not even the server.
    </p>
  );
}

interface MessageListProps {
  readonly conversation: Conversation;
  readonly shown: readonly Message[];
}

export function MessageList({ conversation, shown }: MessageListProps) {
  const { list, onScroll } = useScrollPlace(shown);
  const mark = unreadFrom.value;
  const items = useMemo(() => timeline(shown, mark), [shown, mark]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard (WCAG 2.1.1)
    <section class="messages" ref={list} onScroll={onScroll} tabIndex={0} aria-label="Messages">
      <div class="messages-inner">
        {shown.length > 0 && !allLoaded.value && <OlderMark />}
        {allLoaded.value && <Beginning conversation={conversation} />}
        <ol class="timeline">
          {items.map((item) => {
            switch (item.type) {
              case 'day':
                return (
                  <li key={item.key} class="day">
                    <span>{dayLabel(item.atMs, nowMs.value, locale)}</span>
                  </li>
                );
              case 'unread':
                return (
                  <li key={item.key} class="unread-mark">
                    <span>New messages</span>
                  </li>
                );
              case 'message':
                return (
                  <MessageRow
                    key={item.key}
                    conversation={conversation}
                    message={item.message}
                    first={item.first}
                    last={item.last}
                  />
                );
              default:
                return item satisfies never;
            }
          })}
        </ol>
      </div>
    </section>
  );
}
