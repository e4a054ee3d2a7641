// Do not disturb: whether calls are kept from ringing at this moment.
import { computed } from '@preact/signals';
import { nowMs } from './clock.ts';
import { settings } from './social.ts';

export const quietUntil = computed(() => {
  const wish = settings.value?.doNotDisturb;
  if (wish === undefined || wish === false) return undefined;
  const untilMs = wish.untilMs ?? Number.POSITIVE_INFINITY;
  return nowMs.value < untilMs ? untilMs : undefined;
});
