// Microphones, cameras and loudspeakers, and which of them is in use.
import { signal } from '@preact/signals';
import { attempt } from './attempt.ts';
import { carillon } from './session.ts';

export type DeviceKind = 'audioinput' | 'videoinput' | 'audiooutput';

const SPEAKER_KEY = 'speaker';

export const devices = signal<readonly MediaDeviceInfo[]>([]);
/** The loudspeaker's device id; empty for the system's own choice. */
export const speaker = signal(localStorage.getItem(SPEAKER_KEY) ?? '');

export async function refreshDevices(): Promise<void> {
  devices.value = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
}

export function followDevices(): void {
  navigator.mediaDevices?.addEventListener('devicechange', () => void refreshDevices());
}

export const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

export async function chooseDevice(kind: DeviceKind, deviceId: string): Promise<void> {
  if (kind === 'audiooutput') {
    localStorage.setItem(SPEAKER_KEY, deviceId);
    speaker.value = deviceId;
    return;
  }
  await attempt(() => carillon().calls.setInputDevice(kind, deviceId));
}

/** The device a stream's track comes from. */
export function deviceInUse(stream: MediaStream | undefined, kind: DeviceKind): string {
  if (kind === 'audiooutput') return speaker.value;
  const track = kind === 'audioinput' ? stream?.getAudioTracks()[0] : stream?.getVideoTracks()[0];
  return track?.getSettings().deviceId ?? '';
}
