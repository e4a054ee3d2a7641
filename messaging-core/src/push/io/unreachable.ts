import type { PushOutcome } from '../core/pushSender.ts';

/** No connection, or no answer: it may be back in a moment. */
export const UNREACHABLE = {
  type: 'try-again',
  retryAfterMs: undefined,
  service: false,
} as const satisfies PushOutcome;
