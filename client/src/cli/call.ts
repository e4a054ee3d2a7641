// One call, with media from a file.
import type { CallView } from '../model.ts';
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

interface CallCommandOptions {
  readonly media?: string;
  readonly record?: string;
  readonly video?: true;
  readonly relay?: true;
  readonly duration?: number;
}

export async function call(surroundings: Surroundings, handle: string, options: CallCommandOptions): Promise<void> {
  const { output } = surroundings;
  const { createNodeCalls } = await import('../node/calls/index.ts');
  const calls = createNodeCalls({
    ...(options.media ? { media: options.media } : {}),
    ...(options.record ? { record: options.record } : {}),
    ...(options.relay ? { iceTransportPolicy: 'relay' } : {}),
  });
  const carillon = await surroundings.openSignedIn(calls);
  await whenOnline(carillon);
  const conversation = await carillon.startConversation(handle);

  const ended = Promise.withResolvers<CallView>();
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  const hangUp = () => {
    const { current } = carillon.calls;
    if (current) carillon.calls.hangUp(current.callId).catch((error: unknown) => ended.reject(error));
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
    await carillon.calls.start([conversation.with.accountId], { video: options.video === true });
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
