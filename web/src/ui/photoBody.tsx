import type { MediaInfo, Message } from '@carillon/client';
import { dialog } from '../state/dialog.ts';
import { useOpenedMedia } from '../state/openedMedia.ts';
import { frameSize } from './frameSize.ts';
import { useSeen } from './inView.ts';
import { MediaProblem } from './mediaProblem.tsx';
import { useObjectUrl } from './objectUrl.ts';
import { TransferBar } from './transferBar.tsx';

/** The thumbnail from the message at once; the photo itself when it is seen. */
export function PhotoBody({ message, media }: { message: Message; media: MediaInfo }) {
  const { ref, seen } = useSeen<HTMLDivElement>();
  const thumbnail = useObjectUrl(media.thumbnail);
  const { opened, again } = useOpenedMedia(message, seen);
  const full = opened.state === 'open' ? opened.url : undefined;
  const label = media.caption === '' ? 'Photo' : `Photo: ${media.caption}`;
  return (
    <div class="media" ref={ref} style={frameSize(media.width, media.height)}>
      <button
        type="button"
        class="media-open"
        aria-label={`${label}, open`}
        onClick={() => {
          dialog.value = { type: 'lightbox', message: message.id, conversation: message.conversation };
        }}
      >
        {(full ?? thumbnail) !== undefined && (
          <img
            src={full ?? thumbnail}
            alt={label}
            data-testid="media-image"
            data-opened={full !== undefined}
            class={full === undefined ? 'blurred' : ''}
          />
        )}
      </button>
      <TransferBar message={message.id} />
      {opened.state === 'failed' && <MediaProblem words={opened.words} onAgain={again} />}
    </div>
  );
}
