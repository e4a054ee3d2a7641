// One call of this device, from here to its end: every change is printed, and a
// signal or the time that was given hangs up.
import type { Carillon } from '../carillon.ts';
import type { CallView } from '../model.ts';
import type { Output } from './output.ts';

export interface CallMediaOptions {
  readonly media?: string;
  readonly record?: string;
  readonly relay?: true;
  readonly duration?: number;
}

export async function nodeCalls({ media, record, relay }: CallMediaOptions) {
  const { createNodeCalls } = await import('../node/calls/index.ts');
  return createNodeCalls({
    ...(media ? { media } : {}),
    ...(record ? { record } : {}),
    ...(relay ? { iceTransportPolicy: 'relay' } : {}),
  });
}

/** `begin` leads to the call; what it rejects with ends the wait. @throws Error when the call was not held */
export async function followCall(
  carillon: Carillon,
  output: Output,
  options: CallMediaOptions,
  begin: (failed: (error: unknown) => void) => Promise<void>,
): Promise<void> {
  const ended = Promise.withResolvers<CallView>();
  // It may fail before it is waited for.
  ended.promise.catch(() => {});
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  const hangUp = () => {
    const { current } = carillon.calls;
    if (current) carillon.calls.hangUp(current.callId).catch((error: unknown) => ended.reject(error));
    else ended.reject(new Error('Given up.'));
  };
  const stop = carillon.on('call', (view) => {
    const { callId, phase, endReason, words } = view;
    if (`${phase} ${words}` !== said) {
      said = `${phase} ${words}`;
      output.say('call', { callId, phase, endReason, words }, words || phase);
    }
    if (phase === 'active' && options.duration !== undefined) timer ??= setTimeout(hangUp, options.duration * 1_000);
    if (phase === 'ended') ended.resolve(view);
  });
  process.once('SIGINT', hangUp);
  process.once('SIGTERM', hangUp);
  try {
    await begin((error) => ended.reject(error));
    const { endReason, words, connectedAtMs } = await ended.promise;
    if (endReason !== 'hung-up' || connectedAtMs === undefined) {
      throw new Error(words || `The call ended: ${endReason ?? 'unknown'}.`);
    }
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', hangUp);
    process.off('SIGTERM', hangUp);
    stop();
  }
}
