// What tests of groups look at.
import type { Carillon } from '../../src/carillon.ts';
import type { Conversation, GroupView, Message } from '../../src/model.ts';
import { until } from './stage.ts';

export type Group = Conversation & { readonly group: GroupView };

export async function groupOf(device: Carillon, name: string): Promise<Group | undefined> {
  return (await device.conversations()).find((one): one is Group => one.group?.name === name);
}

export async function hasGroup(
  device: Carillon,
  name: string,
  isIt: (group: Group) => boolean = () => true,
): Promise<Group> {
  await until(device, 'conversation', async () => {
    const found = await groupOf(device, name);
    return found !== undefined && isIt(found);
  });
  return (await groupOf(device, name))!;
}

const wordsOf = ({ body, author }: Message) =>
  body.type === 'text'
    ? `${author?.handle ?? 'I'}: ${body.text}`
    : body.type === 'notice'
      ? `(${body.words})`
      : body.type;

/** Who said what; a notice stands in brackets. */
export async function said(device: Carillon, group: Group): Promise<string[]> {
  return (await device.messages(group.id, { limit: 500 })).map(wordsOf);
}

export const hears = (device: Carillon, group: Group, words: string) =>
  until(device, 'message', async () => (await said(device, group)).some((one) => one.includes(words)));
