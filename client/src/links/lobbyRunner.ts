// Runs the lobby of this account's call links (core/lobby.ts): hears the knocks,
// answers them, and begins the calls.
import { type AccountId, ProtocolError } from '@carillon/protocol';
import type { CallsApi } from '../api.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { CallLinkView, CallView, Contact, KnockView } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Admissions } from './admissions.ts';
import { type LinkId, linkIdOf } from './core/link.ts';
import { emptyLobby, type Knock, type LobbyEffect, type LobbyEvent, lobbyDeadline, stepLobby } from './core/lobby.ts';
import { HostedCall } from './hostedCall.ts';
import { knockIdOf, type LinkMessages } from './linkMessages.ts';
import type { LinkRecord } from './linkRecords.ts';
import type { OwnLinks } from './ownLinks.ts';

/** Knocks that were heard and not looked at yet; of a flood the rest is dropped, and comes again if it is meant. */
const HEARD_MAX = 64;

export interface LobbyParts {
  readonly platform: Pick<Platform, 'now' | 'store'>;
  readonly channel: ContentChannel;
  readonly links: OwnLinks;
  readonly messages: LinkMessages;
  readonly admissions: Admissions;
  readonly calls: () => CallsApi;
  /** The person does not want to be disturbed. */
  readonly isQuiet: () => Promise<boolean>;
  readonly emit: (lobby: readonly KnockView[]) => void;
}

const busy = () => new ProtocolError('call-state', { words: 'You are in another call. End it first.' });

export class LobbyRunner {
  readonly #parts: LobbyParts;
  readonly #hosted: HostedCall;
  readonly #contacts = new Map<AccountId, Contact>();
  readonly #shown = new Map<LinkId, CallLinkView>();
  #lobby = emptyLobby;
  #heard = 0;
  #work: Promise<void> = Promise.resolve();
  /** One after another: the second of two joins the call that the first began. */
  #entering: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: LobbyParts) {
    this.#parts = parts;
    this.#hosted = new HostedCall(parts.platform.store);
  }

  get view(): readonly KnockView[] {
    return this.#lobby.knocks.flatMap(({ knockId, linkId, from, sinceMs }) => {
      const contact = this.#contacts.get(from.accountId);
      const link = this.#shown.get(linkId);
      return contact && link ? [{ id: knockId, contact, link, sinceMs }] : [];
    });
  }

  knocked(received: ReceivedContent): void {
    if (this.#heard >= HEARD_MAX) return;
    this.#heard++;
    this.#work = this.#work
      .then(() => this.#hear(received))
      .catch(() => {
        // The store or the directory refused; who waits knocks again.
      })
      .finally(() => this.#heard--);
  }

  taken({ content }: ReceivedContent): void {
    if (content.body.case !== 'callKnockTaken') return;
    const knockId = knockIdOf(content.body.value.knockId);
    if (knockId !== undefined) void this.#dispatch({ type: 'taken', knockId });
  }

  async admit(knockId: string): Promise<void> {
    const knock = this.#lobby.knocks.find((each) => each.knockId === knockId);
    const link = knock && (await this.#parts.links.find(knock.linkId));
    if (!link) throw new ProtocolError('not-found', { words: 'They do not wait any more.' });
    const host = this.#host(link);
    if (host === 'busy' || (host === 'hosting' && !link.group)) throw busy();
    await this.#dispatch({ type: 'admit', knockId });
  }

  async refuse(knockId: string): Promise<void> {
    await this.#dispatch({ type: 'refuse', knockId });
  }

  /** A link was changed or taken back, here or on another own device. */
  async linksChanged(): Promise<void> {
    for (const linkId of new Set(this.#lobby.knocks.map((knock) => knock.linkId))) {
      const link = await this.#parts.links.find(linkId);
      if (!link || link.revoked) await this.#dispatch({ type: 'revoked', linkId });
      else this.#shown.set(linkId, this.#parts.links.view(link));
    }
  }

  callChanged(call: CallView): void {
    this.#hosted.changed(call);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#work;
  }

  async #hear({ from, content }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callKnock' || this.#closed) return;
    const { withdrawn } = content.body.value;
    const linkId = linkIdOf(content.body.value.linkId);
    const knockId = knockIdOf(content.body.value.knockId);
    const { channel, links, isQuiet } = this.#parts;
    if (!linkId || !knockId || from.accountId === channel.account.accountId) return;
    if (withdrawn) {
      await this.#dispatch({ type: 'withdrawn', knockId, from: from.accountId });
      return;
    }
    const link = await links.find(linkId);
    if (!link) return;
    this.#contacts.set(from.accountId, await channel.contact(from.accountId));
    this.#shown.set(linkId, links.view(link));
    await this.#hosted.loaded;
    const [quiet, host, turn] = [await isQuiet(), this.#host(link), channel.account.deviceId - 1];
    // Nobody waits for the call that may come of it.
    void this.#dispatch({ type: 'knock', knockId, from, link, quiet, host, turn }).catch(() => {});
  }

  #host(link: LinkRecord): 'free' | 'busy' | 'hosting' {
    const { current } = this.#parts.calls();
    if (!current || current.phase === 'ended') return 'free';
    return this.#hosted.isOf(current.callId, link.linkId) ? 'hosting' : 'busy';
  }

  async #dispatch(event: LobbyEvent): Promise<void> {
    if (this.#closed) return;
    const before = this.#lobby;
    const { lobby, effects } = stepLobby(before, event, this.#parts.platform.now());
    this.#lobby = lobby;
    if (lobby.knocks !== before.knocks) {
      this.#forget();
      this.#arm();
      this.#parts.emit(this.view);
    }
    await Promise.all(effects.map((effect) => this.#run(effect)));
  }

  #run(effect: LobbyEffect): Promise<void> | undefined {
    const { messages } = this.#parts;
    switch (effect.type) {
      case 'answer':
        messages.answer(effect.knock, effect.outcome);
        return undefined;
      case 'tell-taken':
        messages.taken(effect.knockId);
        return undefined;
      case 'let-in': {
        const entering = this.#entering.then(() => this.#letIn(effect.knock, effect.bySelf));
        this.#entering = entering.catch(() => {});
        return entering;
      }
      default:
        return effect satisfies never;
    }
  }

  async #letIn(knock: Knock, bySelf: boolean): Promise<void> {
    const { links, admissions, messages, calls } = this.#parts;
    const { accountId } = knock.from;
    const link = await links.find(knock.linkId);
    if (!link || this.#closed) return;
    const host = this.#host(link);
    if (host === 'busy' || (host === 'hosting' && !link.group)) {
      messages.answer(knock, 'busy');
      throw busy();
    }
    admissions.expect(accountId, link.linkId);
    try {
      if (host === 'hosting') {
        const callId = await this.#hosted.ready();
        await calls().invite(callId, [accountId]);
        return;
      }
      const { callId } = await calls().start([accountId], { video: link.video, room: link.group });
      this.#hosted.set(callId, link.linkId);
      if (!bySelf) return;
      // Nobody asked the person: they speak and are seen when they want to.
      await calls().setMicrophone(false);
      if (link.video) await calls().setCamera(false);
    } catch (error) {
      admissions.forget(accountId);
      messages.answer(knock, 'failed');
      throw error;
    }
  }

  #forget(): void {
    const accounts = new Set(this.#lobby.knocks.map(({ from }) => from.accountId));
    for (const account of this.#contacts.keys()) if (!accounts.has(account)) this.#contacts.delete(account);
    const links = new Set(this.#lobby.knocks.map(({ linkId }) => linkId));
    for (const linkId of this.#shown.keys()) if (!links.has(linkId)) this.#shown.delete(linkId);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const atMs = lobbyDeadline(this.#lobby);
    if (atMs === undefined) return;
    const waitMs = Math.max(0, atMs - this.#parts.platform.now()) + 1;
    this.#timer = setTimeout(() => void this.#dispatch({ type: 'tick' }).catch(() => {}), waitMs);
  }
}
