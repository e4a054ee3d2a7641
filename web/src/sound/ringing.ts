// The ringtone (four bells rung in rounds, highest first) and the caller's
// ringback (one low bell), each until it is stopped.
import { strike } from './bell.ts';

interface Pattern {
  readonly bells: readonly { readonly hz: number; readonly atS: number }[];
  readonly periodMs: number;
  readonly level: number;
}

const RINGTONE: Pattern = {
  bells: [
    { hz: 1046.5, atS: 0 },
    { hz: 880, atS: 0.28 },
    { hz: 784, atS: 0.56 },
    { hz: 587.3, atS: 0.84 },
    { hz: 784, atS: 1.26 },
    { hz: 587.3, atS: 1.54 },
  ],
  periodMs: 3_600,
  level: 0.2,
};

const RINGBACK: Pattern = { bells: [{ hz: 392, atS: 0 }], periodMs: 4_000, level: 0.12 };

let context: AudioContext | undefined;

/** One context for the page: browsers allow few, and remember for each whether a person has pressed something. */
function audio(): AudioContext | undefined {
  if (typeof AudioContext === 'undefined') return undefined;
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume().catch(() => undefined);
  return context;
}

function play(pattern: Pattern): () => void {
  const playing = audio();
  if (playing === undefined) return () => undefined;
  const volume = playing.createGain();
  volume.connect(playing.destination);
  const round = () => {
    // Without a press on the page the browser keeps the context silent; strikes would pile up and sound at once later.
    if (playing.state !== 'running') return;
    for (const { hz, atS } of pattern.bells) strike(volume, hz, playing.currentTime + 0.02 + atS, pattern.level);
  };
  round();
  const timer = setInterval(round, pattern.periodMs);
  const onRunning = () => round();
  playing.addEventListener('statechange', onRunning, { once: true });
  return () => {
    clearInterval(timer);
    playing.removeEventListener('statechange', onRunning);
    volume.gain.setTargetAtTime(0, playing.currentTime, 0.04);
    setTimeout(() => volume.disconnect(), 400);
  };
}

export function ring(): () => void {
  navigator.vibrate?.([400, 200, 400]);
  const stop = play(RINGTONE);
  return () => {
    navigator.vibrate?.(0);
    stop();
  };
}

export function ringback(): () => void {
  return play(RINGBACK);
}
