import type { CallView, RemoteParticipant } from '@carillon/client';
import { asStream } from '../state/stream.ts';
import { CallTile } from './callTile.tsx';
import { SelfTile } from './selfTile.tsx';
import { StreamVideo } from './streamVideo.tsx';

/** Someone shows a screen: it comes first, the people are a strip beside or below it. */
export function CallScreens({ call, others }: { call: CallView; others: readonly RemoteParticipant[] }) {
  const sharing = others.find(({ screen }) => asStream(screen) !== undefined);
  const stream = asStream(sharing === undefined ? call.local.screen : sharing.screen);
  return (
    <div class="screens">
      <figure class="screen-share">
        <StreamVideo
          stream={stream}
          data-testid={sharing === undefined ? 'local-screen' : 'remote-screen'}
          data-handle={sharing?.contact.handle}
          aria-label={sharing === undefined ? 'Your shared screen' : `Screen of ${sharing.contact.name}`}
        />
        <figcaption>{sharing === undefined ? 'You share your screen' : `${sharing.contact.name}’s screen`}</figcaption>
      </figure>
      <div class="strip">
        {others.map((other) => (
          <CallTile key={other.contact.accountId} other={other} />
        ))}
        <SelfTile local={call.local} />
      </div>
    </div>
  );
}
