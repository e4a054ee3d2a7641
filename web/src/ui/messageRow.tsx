import type { Conversation, Message } from '@carillon/client';
import { avatarColour } from '../layout/person.ts';
import { attempt } from '../state/attempt.ts';
import { openDialog } from '../state/dialog.ts';
import { carillon, locale } from '../state/session.ts';
import { receiptWords, tickOf } from '../words/ticks.ts';
import { clockTime } from '../words/time.ts';
import { CallEntry } from './callEntry.tsx';
import { FileBody } from './fileBody.tsx';
import { PhotoBody } from './photoBody.tsx';
import { TextBody } from './textBody.tsx';
import { Ticks } from './ticks.tsx';
import { VideoBody } from './videoBody.tsx';
import { VoiceBody } from './voiceBody.tsx';

interface MessageRowProps {
  readonly conversation: Conversation;
  readonly message: Message;
  readonly first: boolean;
  readonly last: boolean;
}

function Body({ message }: { message: Message }) {
  const { body } = message;
  if (body.type === 'text') return <TextBody text={body.text} />;
  if (body.type !== 'media') return null;
  const { media } = body;
  const content = {
    photo: <PhotoBody message={message} media={media} />,
    video: <VideoBody message={message} media={media} />,
    'voice-note': <VoiceBody message={message} media={media} />,
    file: <FileBody message={message} media={media} />,
  }[media.kind];
  return (
    <>
      {content}
      {media.caption !== '' && <TextBody text={media.caption} />}
    </>
  );
}

function Failure({ message }: { message: Message }) {
  return (
    <p class="failure">
      {message.failure ?? 'Not sent.'}{' '}
      <button
        type="button"
        class="link"
        data-testid="retry"
        onClick={() => void attempt(() => carillon().retry(message.id))}
      >
        Retry
      </button>
    </p>
  );
}

/** In a group the tick opens how far the message has come. */
function Stamp({ message }: { message: Message }) {
  if (message.receipts === undefined || message.status === 'failed') return <Ticks message={message} />;
  return (
    <button
      type="button"
      class="stamp-button"
      aria-label={`${tickOf(message)?.label ?? ''}, ${receiptWords(message.receipts)}. Details`}
      title={receiptWords(message.receipts)}
      data-testid="message-info"
      onClick={() => openDialog({ type: 'message-info', message: message.id })}
    >
      <Ticks message={message} />
    </button>
  );
}

/** `data-type` is the body's type, or for media its kind. */
function marks(message: Message) {
  const { body } = message;
  return {
    'data-testid': 'message',
    'data-status': message.status,
    'data-type': body.type === 'media' ? body.media.kind : body.type,
    'data-outgoing': message.outgoing,
    'data-id': message.id,
  };
}

/** In a group the first of a run is signed, in the author's colour; for the screen reader each is. */
function Author({ conversation, message, first }: Omit<MessageRowProps, 'last'>) {
  const { author } = message;
  if (author === undefined || message.outgoing || !first) {
    const name = message.outgoing ? 'You' : (author?.name ?? conversation.title);
    return <span class="visually-hidden">{`${name}: `}</span>;
  }
  return (
    <p class="author" data-colour={avatarColour(author.accountId)} data-testid="author">
      {author.name}
      <span class="visually-hidden">: </span>
    </p>
  );
}

export function MessageRow({ conversation, message, first, last }: MessageRowProps) {
  const { body } = message;
  if (body.type === 'notice') {
    return (
      <li class="said" {...marks(message)}>
        <span>{body.words}</span>
      </li>
    );
  }
  if (body.type === 'call') {
    return (
      <li class="said" {...marks(message)}>
        <CallEntry contact={conversation.with} call={body} outgoing={message.outgoing} sentAtMs={message.sentAtMs} />
      </li>
    );
  }
  const side = message.outgoing ? 'mine' : 'theirs';
  const bare = body.type === 'media' && body.media.caption === '' && ['photo', 'video'].includes(body.media.kind);
  return (
    <li class={`message ${side}${first ? ' first' : ''}${last ? ' last' : ''}`} {...marks(message)}>
      <div class={bare ? 'bubble bare' : 'bubble'}>
        <Author conversation={conversation} message={message} first={first} />
        <Body message={message} />
        <span class="stamp">
          <time dateTime={new Date(message.sentAtMs).toISOString()}>{clockTime(message.sentAtMs, locale)}</time>
          <Stamp message={message} />
        </span>
      </div>
      {message.status === 'failed' && <Failure message={message} />}
    </li>
  );
}
