// What the link has made a call do without, and the words for it.
import type { Target, Why } from './ladder.ts';

/** How long it is said that the picture is back. */
export const BACK_SHOWN_MS = 6_000;

export type LinkState =
  | { readonly state: 'fine' }
  | { readonly state: 'paused'; readonly why: Why }
  /** The picture is sent again. */
  | { readonly state: 'back'; readonly sinceMs: number };

export const FINE: LinkState = { state: 'fine' };

export function nextLinkState(
  before: LinkState,
  { audioOnly, why }: Target,
  wantsVideo: boolean,
  nowMs: number,
): LinkState {
  if (audioOnly && why) return before.state === 'paused' && before.why === why ? before : { state: 'paused', why };
  if (before.state === 'paused' && wantsVideo) return { state: 'back', sinceMs: nowMs };
  if (before.state === 'back' && wantsVideo && nowMs - before.sinceMs < BACK_SHOWN_MS) return before;
  return before.state === 'fine' ? before : FINE;
}

const BECAUSE: Readonly<Record<Why, string>> = {
  narrow: 'your connection is too slow for it',
  lossy: 'your connection loses too much',
  slow: 'your connection lags too far behind',
};

/** `paused`: names of those who have left out their picture. */
export function linkWords(own: LinkState, paused: readonly string[]): string | undefined {
  const others = paused.map((name) => `The connection of ${name} is too weak for video: only sound comes.`);
  const words = own.state === 'fine' ? others : [ownWords(own), ...others];
  return words.length > 0 ? words.join(' ') : undefined;
}

function ownWords(own: Exclude<LinkState, { state: 'fine' }>): string {
  if (own.state === 'back') return 'Your video is on again: the connection is better.';
  return `Your video is paused: ${BECAUSE[own.why]}. The call goes on with sound.`;
}
