// One call, with media from a file.
import { type CallMediaOptions, followCall, nodeCalls } from './followCall.ts';
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

export async function call(
  surroundings: Surroundings,
  handle: string,
  options: CallMediaOptions & { readonly video?: true },
): Promise<void> {
  const carillon = await surroundings.openSignedIn(await nodeCalls(options));
  await whenOnline(carillon);
  const conversation = await carillon.startConversation(handle);
  await followCall(carillon, surroundings.output, options, async () => {
    await carillon.calls.start([conversation.with.accountId], { video: options.video === true });
  });
}
