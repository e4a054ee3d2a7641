// Sending: the message is kept on the device first, so that nothing is lost when
// the wait is given up.
import { basename } from 'node:path';
import type { Carillon } from '../carillon.ts';
import type { MediaKind, Message, MessageStatus } from '../model.ts';
import type { Surroundings } from './surroundings.ts';
import { waitUntil, whenOnline } from './waiting.ts';

interface WaitOptions {
  readonly wait: 'sent' | 'delivered' | 'read';
  readonly timeout: number;
}

const ORDER: readonly MessageStatus[] = ['sending', 'sent', 'delivered', 'read'];

export async function send(
  surroundings: Surroundings,
  handle: string,
  text: string,
  options: WaitOptions,
): Promise<void> {
  const carillon = await surroundings.openSignedIn();
  await whenOnline(carillon);
  const conversation = await carillon.startConversation(handle);
  const message = await carillon.sendText(conversation.with.accountId, text);
  await finish(surroundings, carillon, handle, message, options);
}

export function sendFile(kind: MediaKind) {
  return async (
    surroundings: Surroundings,
    handle: string,
    path: string,
    options: WaitOptions & { caption: string },
  ): Promise<void> => {
    const { output } = surroundings;
    const carillon = await surroundings.openSignedIn();
    await whenOnline(carillon);
    const conversation = await carillon.startConversation(handle);
    carillon.on('progress', (progress) => output.progress(progress));
    const { caption } = options;
    const source = { kind, data: path, fileName: basename(path), mimeType: '', caption };
    const message = await carillon.sendMedia(conversation.with.accountId, source);
    await finish(surroundings, carillon, handle, message, options);
  };
}

async function finish(
  { output }: Surroundings,
  carillon: Carillon,
  handle: string,
  sent: Message,
  { wait, timeout }: WaitOptions,
): Promise<void> {
  let message = sent;
  await waitUntil(
    carillon,
    ['message', 'connection', 'conversation'],
    async () => {
      const recent = await carillon.messages(sent.conversation, { limit: 200 });
      message = recent.find(({ id }) => id === sent.id) ?? message;
      if (message.status === 'failed') throw new Error(message.failure ?? 'The message could not be sent.');
      if (message.status === 'sending' && (await isHeld(carillon, sent))) {
        throw new Error(
          `The safety number of ${handle} has changed. Nothing is sent until it is accepted: carillon safety ${handle} --accept`,
        );
      }
      return ORDER.indexOf(message.status) >= ORDER.indexOf(wait);
    },
    timeout * 1_000,
    () =>
      message.status === 'sending'
        ? 'Not sent yet. The message is kept and goes with the next command.'
        : `It was ${message.status}, but not ${wait} within ${timeout} s.`,
  );
  const { id, status } = message;
  output.say('sent', { messageId: id, handle, status }, `${status[0]!.toUpperCase()}${status.slice(1)}.`);
}

async function isHeld(carillon: Carillon, message: Message): Promise<boolean> {
  const conversations = await carillon.conversations();
  return conversations.some((one) => one.id === message.conversation && one.identityChanged);
}
