import type { MediaInfo, Message } from '@carillon/client';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { waveformBars } from '../layout/waveform.ts';
import { useOpenedMedia } from '../state/openedMedia.ts';
import { duration, durationWords } from '../words/time.ts';
import { IconButton } from './iconButton.tsx';
import { MediaProblem } from './mediaProblem.tsx';
import { TransferBar } from './transferBar.tsx';

const BARS = 44;
/** A press starts this voice note and stops any other that plays. */
const PLAY_EVENT = 'carillon-voice-plays';

function Waveform({ bars, played }: { bars: readonly number[]; played: number }) {
  return (
    <svg class="waveform" viewBox={`0 0 ${BARS * 4} 32`} preserveAspectRatio="none" aria-hidden="true">
      {bars.map((bar, index) => (
        <rect
          key={index}
          class={index / BARS < played ? 'played' : ''}
          x={index * 4 + 0.75}
          y={16 - bar * 15}
          width={2.5}
          height={bar * 30}
          rx={1.25}
        />
      ))}
    </svg>
  );
}

/** An audio element that plays the opened note, and where it is. */
function usePlayback(url: string | undefined, lengthMs: number, wanted: boolean) {
  const audio = useRef<HTMLAudioElement>(null);
  const [playing, setPlaying] = useState(false);
  const [atMs, setAtMs] = useState(0);
  useEffect(() => {
    if (url !== undefined && wanted) void audio.current?.play().catch(() => undefined);
  }, [url, wanted]);
  useEffect(() => {
    const onOther = (event: Event) => {
      if (event instanceof CustomEvent && event.detail !== audio.current) audio.current?.pause();
    };
    addEventListener(PLAY_EVENT, onOther);
    return () => removeEventListener(PLAY_EVENT, onOther);
  }, []);
  useEffect(() => {
    if (!playing) return;
    let frame = 0;
    const follow = () => {
      setAtMs(Math.min(lengthMs, (audio.current?.currentTime ?? 0) * 1000));
      frame = requestAnimationFrame(follow);
    };
    frame = requestAnimationFrame(follow);
    return () => cancelAnimationFrame(frame);
  }, [playing, lengthMs]);
  const events = {
    onPlay: () => {
      setPlaying(true);
      dispatchEvent(new CustomEvent(PLAY_EVENT, { detail: audio.current }));
    },
    onPause: () => setPlaying(false),
    onEnded: () => {
      setPlaying(false);
      setAtMs(0);
    },
  };
  const seek = (ms: number) => {
    setAtMs(ms);
    if (audio.current !== null) audio.current.currentTime = ms / 1000;
  };
  return { audio, playing, atMs, events, seek };
}

export function VoiceBody({ message, media }: { message: Message; media: MediaInfo }) {
  const [wanted, setWanted] = useState(false);
  const { opened, again } = useOpenedMedia(message, wanted);
  const url = opened.state === 'open' ? opened.url : undefined;
  const { audio, playing, atMs, events, seek } = usePlayback(url, media.durationMs, wanted);
  const bars = useMemo(() => waveformBars(media.waveform, BARS), [media.waveform]);
  const toggle = () => {
    if (!wanted) setWanted(true);
    else if (playing) audio.current?.pause();
    else void audio.current?.play().catch(() => undefined);
  };
  return (
    <div class="voice">
      <audio
        ref={audio}
        src={url}
        preload="auto"
        {...events}
        data-testid="media-voice"
        data-opened={url !== undefined}
      />
      <IconButton
        icon={playing ? 'pause' : 'play'}
        label={playing ? 'Pause' : `Play voice note, ${durationWords(media.durationMs)}`}
        tone="accent"
        data-testid="voice-play"
        onClick={toggle}
      />
      <div class="voice-track">
        <Waveform bars={bars} played={media.durationMs > 0 ? atMs / media.durationMs : 0} />
        <input
          type="range"
          min={0}
          max={Math.max(1, media.durationMs)}
          step={100}
          value={atMs}
          disabled={url === undefined}
          aria-label="Place in the voice note"
          aria-valuetext={`${durationWords(atMs)} of ${durationWords(media.durationMs)}`}
          onInput={(event) => seek(event.currentTarget.valueAsNumber)}
        />
        <span class="voice-time">{duration(playing || atMs > 0 ? atMs : media.durationMs)}</span>
      </div>
      <TransferBar message={message.id} />
      {opened.state === 'failed' && <MediaProblem words={opened.words} onAgain={again} />}
    </div>
  );
}
