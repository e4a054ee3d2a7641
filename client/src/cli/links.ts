// Call links: made, shown, taken back; and calling by somebody else's.
import type { CallLinkView } from '../model.ts';
import { type CallMediaOptions, followCall, nodeCalls } from './followCall.ts';
import type { Output } from './output.ts';
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

export async function links(surroundings: Surroundings): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  const all = await carillon.links.list();
  for (const link of all) sayLink(surroundings.output, 'call-link', link);
  if (all.length === 0) surroundings.output.hint('No call links. Make one with: carillon links create <name>');
}

interface CreateOptions {
  readonly video?: true;
  readonly group?: true;
  readonly lobby: boolean;
}

export async function createLink(surroundings: Surroundings, name: string, options: CreateOptions): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  const { video = false, group, lobby } = options;
  const link = await carillon.links.create({ name, video, lobby, kind: group ? 'group' : 'one' });
  sayLink(surroundings.output, 'call-link', link);
  surroundings.output.hint('Give it to whom you like. While you listen (carillon listen --admit) they are let in.');
}

export async function revokeLink(surroundings: Surroundings, id: string): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  await carillon.links.revoke(id);
  surroundings.output.say('revoked', { id }, 'Taken back.');
}

function sayLink(output: Output, event: string, { id, url, name, video, kind, lobby }: CallLinkView): void {
  const what = `${kind === 'group' ? 'group ' : ''}${video ? 'video call' : 'call'}, ${lobby ? 'you are asked' : 'all come in'}`;
  output.say(event, { id, url, name, video, kind, lobby }, `${name} (${what}), ${id}\n  ${url}`);
}

export async function join(
  surroundings: Surroundings,
  link: string,
  options: CallMediaOptions & { readonly timeout: number },
): Promise<void> {
  const { output } = surroundings;
  const carillon = await surroundings.openSignedIn(await nodeCalls(options));
  await whenOnline(carillon);
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  try {
    await followCall(carillon, output, options, async (failed) => {
      const late = `Nobody has let you in within ${options.timeout} s.`;
      timer = setTimeout(() => failed(new Error(late)), options.timeout * 1_000);
      stop = carillon.on('joining', ({ phase, end, words }) => {
        output.say('joining', { phase, end, words }, words);
        if (phase === 'entering') clearTimeout(timer);
        if (phase === 'over' && end !== 'joined') failed(new Error(words));
      });
      await carillon.links.join(link);
    });
  } finally {
    clearTimeout(timer);
    stop();
    await carillon.links.cancel();
  }
}
