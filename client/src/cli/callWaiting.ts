// Whether a call may ring beside another: for all devices of the account.
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

export async function callWaiting(surroundings: Surroundings, change: string | undefined): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  if (change !== undefined) {
    await whenOnline(carillon);
    await carillon.setSettings({ callWaiting: change === 'on' });
  }
  const on = carillon.settings.callWaiting;
  const words = on
    ? 'On: who calls while you are in a call rings beside it.'
    : 'Off: who calls while you are in a call hears that you are busy; it stands as missed.';
  surroundings.output.say('call-waiting', { callWaiting: on }, words);
}
