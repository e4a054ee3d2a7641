// Do not disturb: for all devices of the account.
import type { Settings } from '../model.ts';
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

const HOUR_MS = 3_600_000;

export async function doNotDisturb(
  surroundings: Surroundings,
  change: string | undefined,
  options: { readonly hours?: number },
): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  if (change !== undefined) {
    const { hours } = options;
    const on = hours === undefined ? {} : { untilMs: Date.now() + Math.round(hours * HOUR_MS) };
    await whenOnline(carillon);
    await carillon.setSettings({ doNotDisturb: change === 'on' ? on : false });
  }
  const now = carillon.settings.doNotDisturb;
  surroundings.output.say('do-not-disturb', { doNotDisturb: now }, wordsOf(now));
}

function wordsOf(now: Settings['doNotDisturb']): string {
  if (now === false || (now.untilMs ?? Number.POSITIVE_INFINITY) <= Date.now()) return 'Off: calls ring.';
  const until = now.untilMs === undefined ? '' : ` until ${new Date(now.untilMs).toLocaleString()}`;
  return `On${until}: no call rings on any of your devices; each stands as missed.`;
}
