// What tests look at: texts, statuses, and events worth waiting for.
import type { Carillon } from '../../src/carillon.ts';
import type { Message } from '../../src/model.ts';
import { until } from './stage.ts';

export const idOf = (device: Carillon) => device.account!.accountId;

export async function messagesOf(device: Carillon, other: Carillon): Promise<Message[]> {
  return device.messages(idOf(other), { limit: 500 });
}

/** The words of each message; a notice stands in brackets. */
export async function textsOf(device: Carillon, other: Carillon): Promise<string[]> {
  return (await messagesOf(device, other)).map(({ body }) => {
    if (body.type === 'text') return body.text;
    return body.type === 'notice' ? `(${body.words})` : body.type;
  });
}

/** Resolves once the text, or a notice that contains it, is shown. */
export function shows(device: Carillon, other: Carillon, text: string): Promise<void> {
  const isIt = (shown: string) => shown === text || (shown.startsWith('(') && shown.includes(text));
  return until(device, 'message', async () => (await textsOf(device, other)).some(isIt));
}

export async function find(device: Carillon, message: Message): Promise<Message | undefined> {
  const all = await device.messages(message.conversation, { limit: 500 });
  return all.find(({ id }) => id === message.id);
}

export function reaches(device: Carillon, message: Message, status: Message['status']): Promise<void> {
  return until(device, 'message', async () => (await find(device, message))?.status === status);
}

export const goesOnline = (device: Carillon) => until(device, 'connection', () => device.connection.state === 'online');
export const goesOffline = (device: Carillon) =>
  until(device, 'connection', () => device.connection.state !== 'online');
