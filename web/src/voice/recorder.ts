// Records a voice note and measures how loud it is meanwhile.

export interface Recording {
  /** 0 to 1, smoothed, about now. */
  level(): number;
  elapsedMs(): number;
  /** Ends it and gives the recorded bytes. */
  finish(): Promise<Blob>;
  /** Ends it and forgets. */
  cancel(): void;
}

/** Opus in the container the browser can write; Safari writes MP4 only. */
const FORMATS = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4'];
/** Opus at this rate is clear speech; 15 kB for five seconds. */
const BITRATE_BPS = 24_000;

export function canRecord(): boolean {
  return typeof MediaRecorder !== 'undefined' && navigator.mediaDevices !== undefined;
}

/** @throws DOMException when no microphone may be used */
export async function record(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
  const recorder = new MediaRecorder(stream, {
    audioBitsPerSecond: BITRATE_BPS,
    ...(mimeType === undefined ? {} : { mimeType }),
  });
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const parts: Blob[] = [];
  const startedAtMs = performance.now();
  let smoothed = 0;

  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start();

  const release = () => {
    for (const track of stream.getTracks()) track.stop();
    void context.close();
  };
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // Speech is -50 to -10 dBFS: spread over the whole meter.
      const loudness = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-10) + 55) / 45));
      smoothed = Math.max(loudness, smoothed * 0.85);
      return smoothed;
    },
    elapsedMs: () => performance.now() - startedAtMs,
    finish() {
      return new Promise((resolve) => {
        recorder.onstop = () => {
          release();
          resolve(new Blob(parts, { type: recorder.mimeType }));
        };
        recorder.stop();
      });
    },
    cancel() {
      recorder.onstop = null;
      if (recorder.state !== 'inactive') recorder.stop();
      release();
    },
  };
}
