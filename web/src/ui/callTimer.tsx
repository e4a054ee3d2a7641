import { useEffect, useState } from 'preact/hooks';
import { duration } from '../words/time.ts';

export function CallTimer({ sinceMs }: { sinceMs: number }) {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="call-timer" role="timer" aria-live="off">
      {duration(nowMs - sinceMs)}
    </span>
  );
}
