// Messages, and calls if wanted, as they come.
import type { Carillon } from '../carillon.ts';
import type { CallView, Conversation, KnockView, Message } from '../model.ts';
import { saveMedia } from './saveMedia.ts';
import type { Surroundings } from './surroundings.ts';
import { REMOVED } from './waiting.ts';
import { failureWords } from './words.ts';

interface ListenOptions {
  readonly save?: string;
  readonly count?: number;
  readonly for?: number;
  readonly read: boolean;
  readonly answer?: true;
  readonly admit?: true;
  readonly media?: string;
  readonly record?: string;
}

export async function listen(surroundings: Surroundings, options: ListenOptions): Promise<void> {
  const { createNodeCalls } = await import('../node/calls/index.ts');
  const { media, record } = options;
  const calls = createNodeCalls({ ...(media ? { media } : {}), ...(record ? { record } : {}) });
  const carillon = await surroundings.openSignedIn(options.answer || options.admit ? calls : undefined);
  const { output } = surroundings;
  const ended = Promise.withResolvers<void>();
  // It may end before it is waited for.
  ended.promise.catch(() => {});
  const printer = new Printer(surroundings, carillon, options, await SentBefore.read(carillon), () => ended.resolve());
  const knocks = new Set<string>();
  const stops = [
    carillon.on('message', (message) => printer.message(message)),
    carillon.on('notice', ({ code, words }) => output.say('notice', { code, words }, `! ${words}`)),
    carillon.on('connection', ({ state, words, removed }) => {
      if (removed) ended.reject(new Error(REMOVED));
      else if (state === 'offline' && words) output.hint(`Offline: ${words}`);
    }),
    carillon.on('lobby', (lobby) => onLobby(surroundings, carillon, options, lobby, knocks)),
    carillon.on('call', (call) => onCall(surroundings, carillon, options, call)),
  ];
  for (const conversation of await carillon.conversations()) {
    if (conversation.unread === 0) continue;
    const recent = await carillon.messages(conversation.id, { limit: 500 });
    for (const message of recent) if (message.status === 'unread') printer.message(message);
  }
  const onSignal = () => ended.resolve();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const timer = options.for === undefined ? undefined : setTimeout(onSignal, options.for * 1_000);
  output.hint(`Listening as @${carillon.account!.handle}. Ctrl-C ends it.`);
  try {
    await ended.promise;
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    for (const stop of stops) stop();
    await printer.done();
  }
}

class Printer {
  readonly #surroundings: Surroundings;
  readonly #carillon: Carillon;
  readonly #options: ListenOptions;
  readonly #sentBefore: SentBefore;
  readonly #enough: () => void;
  readonly #printed = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(
    surroundings: Surroundings,
    carillon: Carillon,
    options: ListenOptions,
    sentBefore: SentBefore,
    enough: () => void,
  ) {
    this.#surroundings = surroundings;
    this.#carillon = carillon;
    this.#options = options;
    this.#sentBefore = sentBefore;
    this.#enough = enough;
  }

  /** One after another, in the order they came. */
  message(message: Message): void {
    if (message.outgoing) {
      if (this.#sentBefore.add(message)) this.#then(() => this.#printSent(message));
      return;
    }
    const isNews = message.status === 'unread' || message.body.type === 'notice';
    if (!isNews || this.#printed.has(message.id)) return;
    if (this.#options.count !== undefined && this.#printed.size >= this.#options.count) return;
    this.#printed.add(message.id);
    this.#then(() => this.#print(message));
  }

  #then(print: () => Promise<void>): void {
    this.#work = this.#work
      .then(print)
      .catch((error: unknown) => this.#surroundings.output.fail(failureWords(error), error));
  }

  done(): Promise<void> {
    return this.#work;
  }

  async #print(message: Message): Promise<void> {
    const { output } = this.#surroundings;
    const { save, read, count } = this.#options;
    const conversation = await this.#conversation(message);
    const from = message.author ?? conversation?.with;
    const group = conversation?.group?.name;
    const { id, sentAtMs, body } = message;
    const fields = { messageId: id, from: from?.handle, group, sentAtMs, ...shown(body) };
    const who = group === undefined ? (from?.handle ?? '?') : `${from?.handle ?? ''} in ${group}`;
    output.say('message', fields, `${clock(sentAtMs)} ${who}: ${wordsOf(message)}`);
    if (save !== undefined && body.type === 'media') {
      const { bytes, fileName } = await this.#carillon.openMedia(id);
      const path = await saveMedia(save, fileName, bytes);
      output.say('saved', { messageId: id, path, bytes: bytes.length }, `  saved as ${path}`);
    }
    if (read) await this.#carillon.markRead(message.conversation);
    if (count !== undefined && this.#printed.size >= count) this.#enough();
  }

  /** By another device of this account. */
  async #printSent(message: Message): Promise<void> {
    const { id, sentAtMs, body } = message;
    const conversation = await this.#conversation(message);
    const [to, group] = [conversation?.with?.handle, conversation?.group?.name];
    const fields = { messageId: id, to, group, sentAtMs, ...shown(body) };
    this.#surroundings.output.say(
      'sent-elsewhere',
      fields,
      `${clock(sentAtMs)} you to ${group ?? to ?? '?'}: ${wordsOf(message)}`,
    );
  }

  async #conversation(message: Message): Promise<Conversation | undefined> {
    const conversations = await this.#carillon.conversations();
    return conversations.find(({ id }) => id === message.conversation);
  }
}

/** More tells changes of older messages from copies of new ones; each costs memory while it listens. */
const SENT_BEFORE_MAX = 500;

/** What was sent before it listened: news of those are ticks, others are copies from another device. */
class SentBefore {
  readonly #ids = new Set<string>();
  /** Of each conversation, from when on all are known. */
  readonly #sinceMs = new Map<string, number>();

  static async read(carillon: Carillon): Promise<SentBefore> {
    const before = new SentBefore();
    for (const { id } of await carillon.conversations()) {
      const recent = await carillon.messages(id, { limit: SENT_BEFORE_MAX });
      if (recent.length === SENT_BEFORE_MAX) before.#sinceMs.set(id, recent[0]!.sentAtMs);
      for (const message of recent) if (message.outgoing) before.#ids.add(message.id);
    }
    return before;
  }

  /** Whether it is a new one. */
  add({ id, conversation, sentAtMs }: Message): boolean {
    if (this.#ids.has(id) || sentAtMs < (this.#sinceMs.get(conversation) ?? 0)) return false;
    this.#ids.add(id);
    return true;
  }
}

function shown(body: Message['body']): Record<string, unknown> {
  if (body.type !== 'media') return { ...body };
  const { thumbnail: _thumbnail, waveform: _waveform, ...media } = body.media;
  return { type: 'media', media };
}

function wordsOf({ body }: Message): string {
  switch (body.type) {
    case 'text':
      return body.text;
    case 'notice':
      return `! ${body.words}`;
    case 'call':
      return `[${body.outcome} ${body.video ? 'video call' : 'call'}]`;
    case 'media': {
      const { kind, fileName, sizeBytes, caption } = body.media;
      return `[${kind} ${fileName}, ${Math.ceil(sizeBytes / 1024)} KB]${caption ? ` ${caption}` : ''}`;
    }
    default:
      return body satisfies never;
  }
}

const clock = (ms: number): string => new Date(ms).toTimeString().slice(0, 5);

function onCall(surroundings: Surroundings, carillon: Carillon, options: ListenOptions, call: CallView): void {
  const { output } = surroundings;
  const { callId, phase, video, endReason } = call;
  const other = call.others[0]?.contact.handle;
  output.say('call', { callId, phase, video, from: other, endReason }, `* ${call.words || `call: ${phase}`}`);
  if (phase !== 'ringing-in' || !options.answer) return;
  carillon.calls.accept(callId, { video }).catch((error: unknown) => output.fail(failureWords(error), error));
}

function onLobby(
  { output }: Surroundings,
  carillon: Carillon,
  options: ListenOptions,
  lobby: readonly KnockView[],
  seen: Set<string>,
): void {
  for (const { id, contact, link } of lobby) {
    if (seen.has(id)) continue;
    seen.add(id);
    output.say('knock', { id, from: contact.handle, link: link.name }, `* ${contact.handle} waits at ${link.name}`);
    if (!options.admit) continue;
    carillon.links.admit(id).catch((error: unknown) => output.fail(failureWords(error), error));
  }
}
