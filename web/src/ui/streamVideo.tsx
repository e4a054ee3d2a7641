import type { VideoHTMLAttributes } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface StreamVideoProps extends VideoHTMLAttributes {
  readonly stream: MediaStream | undefined;
}

/**
 * Shows a stream, silently: Chromium holds back the sound of a video element
 * until its first picture, which never comes while a camera is off.
 */
export function StreamVideo({ stream, ...rest }: StreamVideoProps) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (video === null) return;
    if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
    if (stream === undefined) return;
    // AbortError only means that the source was changed meanwhile; silent video is never refused.
    const play = () => void video.play().catch(() => undefined);
    play();
    // A camera turned on later adds a track to the stream that is shown already.
    stream.addEventListener('addtrack', play);
    return () => stream.removeEventListener('addtrack', play);
  }, [stream]);
  return <video ref={ref} autoplay playsInline muted {...rest} />;
}
