import type { VideoHTMLAttributes } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { canChooseSpeaker, speaker } from '../state/devices.ts';
import { forgetPlayer, playOut } from '../state/sound.ts';

interface StreamVideoProps extends VideoHTMLAttributes {
  readonly stream: MediaStream | undefined;
  readonly muted?: boolean;
}

/** Shows a stream and, unless muted, sounds it through the chosen loudspeaker. */
export function StreamVideo({ stream, muted = false, ...rest }: StreamVideoProps) {
  const ref = useRef<HTMLVideoElement>(null);
  const sink = speaker.value;
  useEffect(() => {
    const video = ref.current;
    if (video === null) return;
    if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
    if (stream === undefined) return;
    void playOut(video);
    // A camera turned on later adds a track to the stream that is shown already.
    const onTrack = () => void playOut(video);
    stream.addEventListener('addtrack', onTrack);
    return () => {
      stream.removeEventListener('addtrack', onTrack);
      forgetPlayer(video);
    };
  }, [stream]);
  useEffect(() => {
    // A loudspeaker that was unplugged is refused; the system's own then goes on.
    if (!muted && canChooseSpeaker) void ref.current?.setSinkId(sink).catch(() => undefined);
  }, [sink, muted]);
  return <video ref={ref} autoplay playsInline muted={muted} {...rest} />;
}
