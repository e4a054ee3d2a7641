// The account's own devices, and earlier conversations on their way to a new one.
import type { HistoryProgress, OwnDeviceView } from '@carillon/client';
import { signal } from '@preact/signals';
import { historyWords } from '../words/history.ts';
import { announce } from './announcer.ts';
import { loadConversations } from './conversations.ts';
import { loadMessages, shownFor } from './messages.ts';
import { notify } from './notices.ts';
import { carillon } from './session.ts';

export const ownDevices = signal<readonly OwnDeviceView[] | undefined>(undefined);
/** Undefined when nothing is on its way. */
export const historyProgress = signal<HistoryProgress | undefined>(undefined);

/** @throws ProtocolError when the server cannot be asked */
export async function loadOwnDevices(): Promise<void> {
  ownDevices.value = await carillon().devices();
}

export function ownDevicesChanged(devices: readonly OwnDeviceView[]): void {
  ownDevices.value = devices;
}

/** What has arrived is put into order by time, among what was there. */
async function showHistory(): Promise<void> {
  await loadConversations();
  if (shownFor.value !== undefined) await loadMessages(shownFor.value);
}

export function historyChanged(progress: HistoryProgress): void {
  const before = historyProgress.value;
  if (progress.stage === 'done' || progress.stage === 'failed') {
    historyProgress.value = undefined;
    notify(progress.words ?? historyWords(progress), progress.stage === 'failed' ? 'problem' : 'info');
    if (progress.direction === 'receiving' && progress.stage === 'done') void showHistory();
    return;
  }
  historyProgress.value = progress;
  if (before?.stage !== progress.stage) announce(historyWords(progress));
}

export function forgetOwnDevices(): void {
  ownDevices.value = undefined;
  historyProgress.value = undefined;
}
