// Signing up, and who one is.
import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Account } from '../model.ts';
import type { Surroundings } from './surroundings.ts';
import { whenOnline } from './waiting.ts';

/** Typing errors forgiven; the server counts them too. */
const CODE_ATTEMPTS_MAX = 3;

export async function register(
  surroundings: Surroundings,
  handle: string,
  options: { name?: string; prompt: boolean },
): Promise<void> {
  const { output } = surroundings;
  const carillon = await surroundings.open();
  if (carillon.account) throw new Error(`This device is signed in as ${carillon.account.handle} already.`);
  const { registrationId, codeLength, expiresAtMs } = await carillon.beginRegistration(handle);
  surroundings.rememberServer();
  if (!options.prompt || !surroundings.isInteractive) {
    const line = `A code was sent. Go on with: carillon verify ${registrationId} <code>`;
    output.say('code-sent', { registrationId, codeLength, expiresAtMs }, line);
    return;
  }
  output.hint('A code was sent (to the server’s console, unless it is set up otherwise).');
  const lines = createInterface({ input: surroundings.stdin, output: surroundings.stderr });
  try {
    for (let attempt = 1; ; attempt++) {
      const code = await lines.question('Code: ');
      try {
        const account = await carillon.finishRegistration(registrationId, code, options.name ?? '', hostname());
        sayAccount(surroundings, 'signed-up', account);
        return;
      } catch (error) {
        const isWrong = (error as { code?: string }).code === 'code-wrong';
        if (!isWrong || attempt >= CODE_ATTEMPTS_MAX) throw error;
        output.hint((error as Error).message);
      }
    }
  } finally {
    lines.close();
  }
}

export async function verify(
  surroundings: Surroundings,
  registrationId: string,
  code: string,
  options: { name?: string },
): Promise<void> {
  const carillon = await surroundings.open();
  const account = await carillon.finishRegistration(registrationId, code, options.name ?? '', hostname());
  surroundings.rememberServer();
  sayAccount(surroundings, 'signed-up', account);
}

export async function whoami(surroundings: Surroundings): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  sayAccount(surroundings, 'account', carillon.account!);
}

export async function safety(surroundings: Surroundings, handle: string, options: { accept?: true }): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  await whenOnline(carillon);
  const conversation = await carillon.startConversation(handle);
  const number = await carillon.safetyNumber(conversation.with.accountId);
  if (options.accept) await carillon.acceptIdentity(conversation.with.accountId);
  const changed = conversation.identityChanged && !options.accept;
  const groups = number.match(/.{5}/g)?.join(' ') ?? number;
  surroundings.output.say('safety-number', { handle: conversation.with.handle, number, changed }, groups);
  if (changed) surroundings.output.hint('It has changed. Compare it with theirs, then accept it with --accept.');
}

export function sayAccount({ output, server }: Surroundings, event: string, account: Account): void {
  const name = account.name === account.handle ? '' : ` (${account.name})`;
  output.say(event, { ...account, server }, `@${account.handle}${name} at ${server}`);
}
