import { useEffect, useRef, useState } from 'preact/hooks';
import { scan } from '../qr/scan.ts';
import { failureWords } from '../words/failure.ts';

export const canScan = 'mediaDevices' in navigator && typeof navigator.mediaDevices?.getUserMedia === 'function';

/** The camera's view; what it finds is told until it is taken away. */
export function CodeScanner({ onCode }: { onCode: (text: string) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const told = useRef(onCode);
  told.current = onCode;
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let gone = false;
    let stream: MediaStream | undefined;
    let stop = () => {};
    const begin = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      const element = video.current;
      if (gone || element === null) return;
      element.srcObject = stream;
      await element.play();
      stop = await scan(element, (text) => told.current(text));
    };
    begin()
      .catch((error: unknown) => gone || setProblem(failureWords(error)))
      .finally(() => gone && end());
    const end = () => {
      stop();
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    return () => {
      gone = true;
      end();
    };
  }, []);
  if (problem !== '') {
    return (
      <p class="problem" role="alert">
        {problem}
      </p>
    );
  }
  return (
    <div class="scanner">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
    </div>
  );
}
