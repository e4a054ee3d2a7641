// Run as a process of its own by historyClient.ts: one device of the SDK with
// its store on disk, to be killed at any moment.
import { type AccountId, Carillon, type ConversationId, type Message } from '@carillon/client';
import { nodePlatform, SqliteStore } from '@carillon/client/node';

export type Command =
  | { readonly type: 'begin'; readonly handle: string }
  | { readonly type: 'finish'; readonly registrationId: string; readonly code: string; readonly name: string }
  | { readonly type: 'link'; readonly name: string }
  | { readonly type: 'linked' }
  | { readonly type: 'approve'; readonly code: string }
  | { readonly type: 'find'; readonly handle: string }
  | { readonly type: 'group'; readonly name: string; readonly members: readonly string[] }
  | { readonly type: 'send'; readonly conversation: string; readonly text: string }
  /** The process kills itself when so many more messages have come and are committed, before they are acknowledged. */
  | { readonly type: 'die-after'; readonly messages: number }
  | { readonly type: 'history' };

export type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** One listing gives so many at most: a history is read page by page. */
const PAGE = 500;

const [storeFile, baseUrl] = process.argv.slice(2);
const carillon = await Carillon.open({ platform: nodePlatform(new SqliteStore(storeFile!)), baseUrl: baseUrl! });
let linked: Promise<unknown> | undefined;
let livesFor = Number.POSITIVE_INFINITY;

carillon.on('message', (message: Message) => {
  // Told after the commit, and acknowledged after it was told.
  if (message.outgoing || message.body.type !== 'text') return;
  if (--livesFor < 0) process.kill(process.pid, 'SIGKILL');
});

async function run(command: Command): Promise<unknown> {
  switch (command.type) {
    case 'begin':
      return (await carillon.beginRegistration(command.handle)).registrationId;
    case 'finish':
      return (await carillon.finishRegistration(command.registrationId, command.code, command.name)).accountId;
    case 'link': {
      const offer = await carillon.beginLink(command.name);
      linked = offer.linked;
      linked.catch(() => {});
      return offer.code;
    }
    case 'linked':
      await linked;
      return;
    case 'approve':
      return carillon.approveLink(command.code);
    case 'find':
      return (await carillon.startConversation(command.handle)).id;
    case 'group':
      return (await carillon.createGroup(command.name, command.members as AccountId[])).id;
    case 'send':
      return (await carillon.sendText(command.conversation as ConversationId, command.text)).id;
    case 'die-after':
      livesFor = command.messages;
      return;
    case 'history':
      return history();
    default:
      return command satisfies never;
  }
}

async function history() {
  const conversations = await carillon.conversations();
  return Promise.all(
    conversations.map(async ({ id }) => ({
      conversation: id,
      messages: (await everything(id)).flatMap(({ body, outgoing, status }) =>
        body.type === 'text' ? [{ text: body.text, outgoing, status }] : [],
      ),
    })),
  );
}

/** Oldest first. */
async function everything(conversation: ConversationId): Promise<Message[]> {
  const pages: Message[][] = [];
  for (let beforeMs = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await carillon.messages(conversation, { beforeMs, limit: PAGE });
    pages.unshift(page);
    if (page.length < PAGE) return pages.flat();
    beforeMs = page[0]!.sentAtMs;
  }
}

process.on('message', ({ id, command }: { id: number; command: Command }) => {
  run(command).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, value: carillon.account?.accountId });
