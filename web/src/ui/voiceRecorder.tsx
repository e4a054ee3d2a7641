import type { ConversationId } from '@carillon/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../state/announcer.ts';
import { attempt } from '../state/attempt.ts';
import { notify } from '../state/notices.ts';
import { carillon } from '../state/session.ts';
import { type Recording, record } from '../voice/recorder.ts';
import { failureWords } from '../words/failure.ts';
import { duration } from '../words/time.ts';
import { IconButton } from './iconButton.tsx';

/** A longer note ends by itself and is sent as it is. */
const LENGTH_MAX_MS = 15 * 60 * 1000;
/** Shorter ones are a slip of the finger. */
const LENGTH_MIN_MS = 500;
const METER_BARS = 28;
const METER_PERIOD_MS = 80;

async function sendRecording(to: ConversationId, recording: Recording): Promise<void> {
  if (recording.elapsedMs() < LENGTH_MIN_MS) {
    recording.cancel();
    notify('That was too short. Speak, then press Send.');
    return;
  }
  const data = await recording.finish();
  const mimeType = data.type.split(';')[0] ?? 'audio/webm';
  const ending = mimeType === 'audio/mp4' ? 'm4a' : mimeType.split('/')[1];
  await carillon().sendMedia(to, { kind: 'voice-note', fileName: `voice-note.${ending}`, mimeType, data });
}

export function VoiceRecorder({ to, onDone }: { to: ConversationId; onDone: () => void }) {
  const recording = useRef<Recording>(null);
  const [levels, setLevels] = useState<readonly number[]>([]);
  const [elapsedMs, setElapsedMs] = useState(0);

  const send = () => {
    const running = recording.current;
    recording.current = null;
    if (running !== null) void attempt(() => sendRecording(to, running));
    onDone();
  };
  const finish = useRef(send);
  finish.current = send;

  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setInterval> | undefined;
    record().then(
      (started) => {
        if (gone) {
          started.cancel();
          return;
        }
        recording.current = started;
        announce('Recording');
        timer = setInterval(() => {
          setElapsedMs(started.elapsedMs());
          setLevels((before) => [...before, started.level()].slice(-METER_BARS));
          if (started.elapsedMs() > LENGTH_MAX_MS) finish.current();
        }, METER_PERIOD_MS);
      },
      (error: unknown) => {
        notify(failureWords(error), 'problem');
        onDone();
      },
    );
    return () => {
      gone = true;
      clearInterval(timer);
      recording.current?.cancel();
    };
  }, []);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape anywhere in the recorder cancels
    <div class="composer recorder" onKeyDown={(event) => event.key === 'Escape' && onDone()}>
      <div class="composer-line">
        <IconButton icon="trash" label="Cancel the recording" data-testid="voice-cancel" onClick={onDone} />
        <span class="recorder-dot" />
        <span class="recorder-time" role="timer">
          {duration(elapsedMs)}
        </span>
        <svg
          class="meter"
          viewBox={`0 0 ${METER_BARS * 4} 32`}
          preserveAspectRatio="xMaxYMid meet"
          role="img"
          aria-label="Loudness"
        >
          {levels.map((level, index) => (
            <rect
              key={index}
              x={(METER_BARS - levels.length + index) * 4}
              y={16 - Math.max(1, level * 15)}
              width={2.5}
              height={Math.max(2, level * 30)}
              rx={1.25}
            />
          ))}
        </svg>
        <IconButton
          icon="send"
          label="Send the voice note"
          tone="accent"
          autoFocus
          data-testid="voice-send"
          onClick={send}
        />
      </div>
    </div>
  );
}
