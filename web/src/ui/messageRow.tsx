import type { Contact, Message } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { carillon, locale } from '../state/session.ts';
import { clockTime } from '../words/time.ts';
import { CallEntry } from './callEntry.tsx';
import { FileBody } from './fileBody.tsx';
import { PhotoBody } from './photoBody.tsx';
import { TextBody } from './textBody.tsx';
import { Ticks } from './ticks.tsx';
import { VideoBody } from './videoBody.tsx';
import { VoiceBody } from './voiceBody.tsx';

interface MessageRowProps {
  readonly contact: Contact;
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

export function MessageRow({ contact, message, first, last }: MessageRowProps) {
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
        <CallEntry contact={contact} call={body} outgoing={message.outgoing} sentAtMs={message.sentAtMs} />
      </li>
    );
  }
  const side = message.outgoing ? 'mine' : 'theirs';
  const bare = body.type === 'media' && body.media.caption === '' && ['photo', 'video'].includes(body.media.kind);
  return (
    <li class={`message ${side}${first ? ' first' : ''}${last ? ' last' : ''}`} {...marks(message)}>
      <div class={bare ? 'bubble bare' : 'bubble'}>
        <span class="visually-hidden">{message.outgoing ? 'You: ' : `${contact.name}: `}</span>
        <Body message={message} />
        <span class="stamp">
          <time dateTime={new Date(message.sentAtMs).toISOString()}>{clockTime(message.sentAtMs, locale)}</time>
          <Ticks message={message} />
        </span>
      </div>
      {message.status === 'failed' && <Failure message={message} />}
    </li>
  );
}
