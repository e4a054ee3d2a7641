// When which key signs. Verifiers keep the published keys for a while, so a key
// is published before it signs, and stays until the last token it signed is over:
//
//   announced --its time comes--> signing --the next one's time comes--> resting --its tokens are over--> (gone)
//
// There always is a key that signs: when the one that should follow is late
// (the server was off), the one before goes on until the new one was announced
// long enough.

export interface KeyTimes {
  readonly kid: string;
  /** From then on it signs, until a later one does. Unix milliseconds. */
  readonly signsFromMs: number;
}

export interface RotationPolicy {
  /** From the announcement to the first signature: longer than verifiers keep what they fetched. */
  readonly announceMs: number;
  /** How long one key signs. */
  readonly signMs: number;
  /** Life of a token, and the difference of clocks that is put up with. */
  readonly tokenMs: number;
}

/** Undefined only when there are none. */
export function signingKey<Key extends KeyTimes>(keys: readonly Key[], nowMs: number): Key | undefined {
  const inOrder = byTime(keys);
  // A clock set back may put all of them in the future; then the first has to do.
  return inOrder.findLast((key) => key.signsFromMs <= nowMs) ?? inOrder[0];
}

export interface RotationPlan<Key extends KeyTimes> {
  readonly keep: readonly Key[];
  /** When the key that has to be made now will sign from. */
  readonly makeFromMs: number | undefined;
}

export function planRotation<Key extends KeyTimes>(
  keys: readonly Key[],
  nowMs: number,
  policy: RotationPolicy,
): RotationPlan<Key> {
  const signing = signingKey(keys, nowMs);
  if (!signing) return { keep: [], makeFromMs: nowMs };
  const inOrder = byTime(keys);
  const keep = inOrder.filter((key, index) => {
    const next = inOrder[index + 1];
    return key === signing || next === undefined || next.signsFromMs + policy.tokenMs > nowMs;
  });
  const isLast = inOrder.at(-1) === signing;
  const announceAtMs = signing.signsFromMs + policy.signMs - policy.announceMs;
  return { keep, makeFromMs: isLast && nowMs >= announceAtMs ? nowMs + policy.announceMs : undefined };
}

function byTime<Key extends KeyTimes>(keys: readonly Key[]): Key[] {
  return [...keys].sort((a, b) => a.signsFromMs - b.signsFromMs);
}
