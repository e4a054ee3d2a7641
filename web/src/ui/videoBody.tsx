import type { MediaInfo, Message } from '@carillon/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useOpenedMedia } from '../state/openedMedia.ts';
import { byteSize } from '../words/size.ts';
import { duration } from '../words/time.ts';
import { frameSize } from './frameSize.ts';
import { Icon } from './icon.tsx';
import { useSeen } from './inView.ts';
import { MediaProblem } from './mediaProblem.tsx';
import { useObjectUrl } from './objectUrl.ts';
import { TransferBar } from './transferBar.tsx';

/** Smaller videos are fetched when seen; larger ones only when asked for, as they may cost money on the road. */
const AUTO_OPEN_BYTES_MAX = 16_000_000;

export function VideoBody({ message, media }: { message: Message; media: MediaInfo }) {
  const { ref, seen } = useSeen<HTMLDivElement>();
  const [asked, setAsked] = useState(false);
  const video = useRef<HTMLVideoElement>(null);
  const poster = useObjectUrl(media.thumbnail);
  const { opened, again } = useOpenedMedia(message, asked || (seen && media.sizeBytes <= AUTO_OPEN_BYTES_MAX));
  const url = opened.state === 'open' ? opened.url : undefined;
  useEffect(() => {
    // A refusal to play leaves the video with its own controls.
    if (asked && url !== undefined) void video.current?.play().catch(() => undefined);
  }, [asked, url]);
  return (
    <div class="media" ref={ref} style={frameSize(media.width, media.height)}>
      {/* biome-ignore lint/a11y/useMediaCaption: people's own videos have no captions */}
      <video
        ref={video}
        src={url}
        poster={poster}
        controls={asked && url !== undefined}
        playsInline
        preload="metadata"
        aria-label={media.caption || 'Video'}
        data-testid="media-video"
        data-opened={url !== undefined}
      />
      {!(asked && url !== undefined) && (
        <button
          type="button"
          class="media-open media-play"
          aria-label={`Play the video, ${duration(media.durationMs)}`}
          data-testid="media-play"
          onClick={() => setAsked(true)}
        >
          <span class="play-disc">
            <Icon name="play" size={30} filled />
          </span>
          <span class="media-facts">
            {duration(media.durationMs)} · {byteSize(media.sizeBytes)}
          </span>
        </button>
      )}
      <TransferBar message={message.id} />
      {opened.state === 'failed' && <MediaProblem words={opened.words} onAgain={again} />}
    </div>
  );
}
