// The devices of one account: linking this one, taking another in, and sending
// one away.
import { hostname } from 'node:os';
import type { DeviceId } from '@carillon/protocol';
import { renderUnicodeCompact } from 'uqr';
import type { Carillon } from '../carillon.ts';
import type { HistoryProgress, OwnDeviceView } from '../model.ts';
import type { Output } from './output.ts';
import { sayAccount } from './signUp.ts';
import type { Surroundings } from './surroundings.ts';
import { waitUntil, whenOnline } from './waiting.ts';

/** Linking takes seconds; the code itself lasts 90. */
const LINKED_WITHIN_MS = 100_000;

export async function link(
  surroundings: Surroundings,
  options: { readonly name?: string; readonly timeout: number },
): Promise<void> {
  const { output } = surroundings;
  const carillon = await surroundings.open();
  const history = watchHistory(carillon, output);
  const { code, expiresAtMs, linked } = await carillon.beginLink(options.name ?? hostname());
  surroundings.rememberServer();
  output.hint(`\n${renderUnicodeCompact(code, { border: 2 })}\n`);
  output.say('link-code', { code, expiresAtMs }, code);
  output.hint('Scan it with the app on your main device, or run there: carillon link approve <code>');
  sayAccount(surroundings, 'linked', await linked);
  await history.ended(options.timeout * 1_000, 'Earlier messages have not come yet; they do while a command runs.');
}

export async function approve(
  surroundings: Surroundings,
  code: string,
  options: { readonly timeout: number },
): Promise<void> {
  const { output } = surroundings;
  const carillon = await surroundings.openSignedIn();
  await whenOnline(carillon);
  const history = watchHistory(carillon, output);
  const before = new Set((await carillon.devices()).map(({ deviceId }) => deviceId));
  await carillon.approveLink(code);
  let added: OwnDeviceView | undefined;
  await waitUntil(
    carillon,
    ['devices'],
    async () => {
      added = (await carillon.devices()).find(({ deviceId }) => !before.has(deviceId));
      return added !== undefined;
    },
    LINKED_WITHIN_MS,
    () => 'The new device did not answer. Show a new code there and try again.',
  );
  output.say('linked', { deviceId: added!.deviceId }, `Linked as device ${added!.deviceId}.`);
  await history.ended(options.timeout * 1_000, 'Earlier messages are not sent yet; they go while a command runs.');
}

export async function devices(surroundings: Surroundings): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  await whenOnline(carillon);
  for (const device of await carillon.devices()) {
    surroundings.output.say('device', { ...device }, lineOf(device));
  }
}

export async function remove(surroundings: Surroundings, number: string): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  await whenOnline(carillon);
  const all = await carillon.devices();
  const device = all.find(({ deviceId }) => String(deviceId) === number);
  if (!device) throw new Error(`There is no device ${number}. carillon devices lists them.`);
  await carillon.removeDevice(device.deviceId as DeviceId);
  surroundings.output.say('removed', { deviceId: device.deviceId }, `Removed device ${device.deviceId}.`);
}

function lineOf({ deviceId, name, primary, current, lastSeenMs, connected }: OwnDeviceView): string {
  const what = name || (primary ? 'Main device' : '(no name)');
  const marks = [primary && name ? 'main device' : '', current ? 'this one' : ''].filter(Boolean).join(', ');
  const seen = connected ? 'connected' : `last seen ${new Date(lastSeenMs).toISOString().slice(0, 13)}h`;
  return `${String(deviceId).padStart(3)}  ${what}${marks ? ` (${marks})` : ''}, ${seen}`;
}

/** From before it can begin. */
function watchHistory(carillon: Carillon, output: Output) {
  let last: HistoryProgress | undefined;
  carillon.on('history', (progress) => {
    last = progress;
  });
  const isOver = () => last?.stage === 'done' || last?.stage === 'failed';
  return {
    /** It goes on with the next command, so being late is no failure. */
    async ended(timeoutMs: number, late: string): Promise<void> {
      await waitUntil(carillon, ['history'], isOver, timeoutMs, () => late).catch((error: unknown) => {
        output.hint((error as Error).message);
      });
      if (last && isOver()) {
        const words = last.stage === 'failed' ? (last.words ?? '') : 'Earlier messages are there.';
        output.say('history', { stage: last.stage, words: last.words }, words);
      }
    },
  };
}
