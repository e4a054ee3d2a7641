import { useEffect, useRef } from 'preact/hooks';
import { canChooseSpeaker, speaker } from '../state/devices.ts';
import { forgetPlayer, playOut } from '../state/sound.ts';

interface StreamAudioProps {
  readonly stream: MediaStream;
  readonly handle: string;
}

/** Sounds a stream through the chosen loudspeaker. */
export function StreamAudio({ stream, handle }: StreamAudioProps) {
  const ref = useRef<HTMLAudioElement>(null);
  const sink = speaker.value;
  useEffect(() => {
    const audio = ref.current;
    if (audio === null) return;
    audio.srcObject = stream;
    void playOut(audio);
    const onTrack = () => void playOut(audio);
    stream.addEventListener('addtrack', onTrack);
    return () => {
      stream.removeEventListener('addtrack', onTrack);
      forgetPlayer(audio);
      audio.srcObject = null;
    };
  }, [stream]);
  useEffect(() => {
    // A loudspeaker that was unplugged is refused; the system's own then goes on.
    if (canChooseSpeaker) void ref.current?.setSinkId(sink).catch(() => undefined);
  }, [sink]);
  // biome-ignore lint/a11y/useMediaCaption: a live call has no captions
  return <audio ref={ref} autoplay data-testid="remote-audio" data-handle={handle} />;
}
