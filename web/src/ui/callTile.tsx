import type { RemoteParticipant } from '@carillon/client';
import { asStream } from '../state/stream.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { Quality } from './quality.tsx';
import { StreamVideo } from './streamVideo.tsx';

interface CallTileProps {
  readonly other: RemoteParticipant;
  readonly style?: Record<string, string>;
  /** Fills the screen: the name is in the head already. */
  readonly large?: boolean;
}

function stateWords({ state, stream, held, videoPaused }: RemoteParticipant): string {
  if (held) return 'On hold';
  if (state === 'invited') return 'Calling…';
  if (state === 'ringing') return 'Ringing…';
  if (stream === undefined) return 'Connecting…';
  return videoPaused ? 'Video paused' : '';
}

export function CallTile({ other, style, large = false }: CallTileProps) {
  const { contact } = other;
  const stream = asStream(other.stream);
  const seen = stream !== undefined && other.cameraOn;
  const words = stateWords(other);
  return (
    <figure
      class={large ? 'tile large' : 'tile'}
      style={style}
      data-testid="tile"
      data-handle={contact.handle}
      data-state={other.state}
      data-speaking={other.speaking}
    >
      <StreamVideo
        stream={stream}
        class={seen ? '' : 'unseen'}
        data-testid="remote-video"
        data-handle={contact.handle}
        data-camera={other.cameraOn}
        aria-label={`Picture of ${contact.name}`}
      />
      {!seen && (
        <span class={other.state === 'joined' ? 'tile-face' : 'tile-face rings'}>
          <Avatar person={contact} size={large ? 'huge' : 'large'} />
        </span>
      )}
      <figcaption class={large && (other.microphoneOn || other.state !== 'joined') ? 'visually-hidden' : ''}>
        {!other.microphoneOn && other.state === 'joined' && <Icon name="micOff" size={15} />}
        <span>{contact.name}</span>
        {!other.microphoneOn && other.state === 'joined' && (
          <span class={large ? '' : 'visually-hidden'}>{large ? ' is muted' : ', muted'}</span>
        )}
        {words !== '' && <span class="tile-words">{words}</span>}
        {!large && other.state === 'joined' && <Quality quality={other.quality} />}
      </figcaption>
    </figure>
  );
}
