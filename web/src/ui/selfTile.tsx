import type { CallView } from '@carillon/client';
import { account } from '../state/session.ts';
import { asStream } from '../state/stream.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { StreamVideo } from './streamVideo.tsx';

/** One's own picture, mirrored as in a looking glass; never sounded. */
export function SelfPicture({ local }: { local: CallView['local'] }) {
  const stream = asStream(local.stream);
  const seen = stream !== undefined && local.cameraOn;
  const me = account.value;
  return (
    <>
      <StreamVideo
        stream={stream}
        class={seen ? 'mirrored' : 'unseen'}
        data-testid="local-video"
        aria-label="Your own picture"
      />
      {!seen && me !== undefined && (
        <span class="tile-face">
          <Avatar person={me} size="medium" />
        </span>
      )}
    </>
  );
}

export function SelfTile({ local, style }: { local: CallView['local']; style?: Record<string, string> }) {
  return (
    <figure class="tile" style={style} data-testid="self-tile">
      <SelfPicture local={local} />
      <figcaption>
        {!local.microphoneOn && <Icon name="micOff" size={15} />}
        <span>You</span>
        {!local.microphoneOn && <span class="visually-hidden">, muted</span>}
      </figcaption>
    </figure>
  );
}
