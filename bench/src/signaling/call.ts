// One whole call as two devices make it, whatever server is between them: the
// callee's device offers while it rings, both trickle, and it ends by hand.
export type Heard = 'relayed' | 'state' | 'ended';
export type Act = 'create' | 'ring' | 'preconnect' | 'accept' | 'update' | 'hangUp';

/** What the others hear of an act. */
export const NEWS: Record<Act, Heard | undefined> = {
  create: undefined,
  ring: 'state',
  preconnect: undefined,
  accept: 'state',
  update: 'state',
  hangUp: 'ended',
};

/** Sealed, as Chromium's are: of a call with sound and picture, and of a host candidate. */
const SDP_BYTES = 3_000;
const CANDIDATE_BYTES = 220;
const CANDIDATES = 6;

/** A device and its socket. */
export interface Side {
  begin(callId: string): void;
  /** Resolves when it is answered; at once where the server answers nothing. */
  ask(act: Act): Promise<void>;
  /** To the other. */
  relay(bytes: number): void;
  /** Resolves when so many more have been heard. */
  hears(what: Heard, count?: number): Promise<void>;
  close(): void;
}

export interface Pair {
  readonly caller: Side;
  readonly callee: Side;
}

/** Calls of many pairs go in step for a while, and end together: what is done is counted by acts. */
export const done = { acts: 0 };
export const ACTS_IN_A_CALL = 6 + 2 * (1 + CANDIDATES);

async function negotiate(from: Side, to: Side): Promise<void> {
  const arrived = to.hears('relayed', 1 + CANDIDATES);
  from.relay(SDP_BYTES);
  for (let n = 0; n < CANDIDATES; n++) from.relay(CANDIDATE_BYTES);
  await arrived;
  done.acts += 1 + CANDIDATES;
}

async function asked(side: Side, act: Act): Promise<void> {
  await side.ask(act);
  done.acts++;
}

/** Until it is accepted; resolves with the milliseconds from there to the caller's knowing it. */
export async function connectCall({ caller, callee }: Pair, callId: string): Promise<number> {
  for (const side of [caller, callee]) side.begin(callId);
  await asked(caller, 'create');
  const ringing = caller.hears('state');
  await asked(callee, 'ring');
  await ringing;
  await negotiate(callee, caller);
  await negotiate(caller, callee);
  await asked(callee, 'preconnect');
  const accepted = caller.hears('state');
  const began = performance.now();
  const answered = asked(callee, 'accept');
  await accepted;
  const acceptMs = performance.now() - began;
  await answered;
  return acceptMs;
}

export async function wholeCall(pair: Pair, callId: string): Promise<number> {
  const { caller, callee } = pair;
  const acceptMs = await connectCall(pair, callId);
  const updated = callee.hears('state');
  await asked(caller, 'update');
  await updated;
  const ended = callee.hears('ended');
  await asked(caller, 'hangUp');
  await ended;
  return acceptMs;
}
