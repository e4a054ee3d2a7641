// Call links as an app sees them. They are the devices' own matter: no server
// knows of any, a knock is one sealed envelope among others, and what comes of it
// is a call like any other.
import type { AccountId } from '@carillon/protocol';
import type { CallLinksApi, CallsApi, NewCallLink } from '../api.ts';
import type { Emitter } from '../events.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { Account, CallLinkView, CallView, Contact, JoiningView, KnockView } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { LinkedCalls } from '../social/callGate.ts';
import { isQuiet, readSettings } from '../social/settings.ts';
import type { Ledger } from '../store/ledger.ts';
import { Admissions } from './admissions.ts';
import type { LinkId } from './core/link.ts';
import { JoiningRunner } from './joiningRunner.ts';
import { LinkMessages } from './linkMessages.ts';
import { LobbyRunner } from './lobbyRunner.ts';
import { OwnLinks } from './ownLinks.ts';

export interface CallLinksParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly channel: ContentChannel;
  readonly emitter: Emitter;
  readonly account: () => Account;
  /** Where the app is: a link leads there. */
  readonly baseUrl: string;
  readonly calls: () => CallsApi;
  readonly onQueued: () => void;
}

export class CallLinks implements CallLinksApi, LinkedCalls {
  readonly #parts: CallLinksParts;
  readonly #own: OwnLinks;
  readonly #admissions = new Admissions();
  readonly #lobby: LobbyRunner;
  readonly #joining: JoiningRunner;
  readonly #stops: (() => void)[];

  constructor(parts: CallLinksParts) {
    this.#parts = parts;
    const { platform, ledger, channel, emitter, account, calls } = parts;
    const messages = new LinkMessages(channel);
    const admissions = this.#admissions;
    this.#own = new OwnLinks(parts);
    this.#lobby = new LobbyRunner({
      ...{ platform, channel, messages, admissions, calls },
      links: this.#own,
      isQuiet: () => ledger.read(async (tx) => isQuiet(await readSettings(tx), platform.now())),
      emit: (lobby) => emitter.emit('lobby', lobby),
    });
    this.#joining = new JoiningRunner({
      ...{ platform, channel, messages, admissions, calls },
      emit: (joining) => emitter.emit('joining', joining),
    });
    const isOwn = ({ from }: ReceivedContent) => from.accountId === account().accountId;
    this.#stops = [
      channel.onContent('callKnock', (received) => this.#lobby.knocked(received)),
      channel.onContent('callKnockAnswer', (received) => this.#joining.answered(received)),
      channel.onContent('callKnockTaken', (received) => isOwn(received) && this.#lobby.taken(received)),
      channel.onContent('callLinksCopy', (received) => isOwn(received) && void this.#changed().catch(() => {})),
    ];
  }

  list(): Promise<readonly CallLinkView[]> {
    return this.#own.list();
  }

  async create(link: NewCallLink): Promise<CallLinkView> {
    const created = await this.#own.create(link);
    await this.#changed();
    return created;
  }

  async change(id: string, change: { readonly name?: string; readonly lobby?: boolean }): Promise<void> {
    await this.#own.update(id, change);
    await this.#changed();
  }

  async revoke(id: string): Promise<void> {
    await this.#own.update(id, { revoked: true });
    await this.#changed();
  }

  get lobby(): readonly KnockView[] {
    return this.#lobby.view;
  }

  admit(knock: string): Promise<void> {
    return this.#lobby.admit(knock);
  }

  refuse(knock: string): Promise<void> {
    return this.#lobby.refuse(knock);
  }

  read(link: string): Promise<{ readonly owner: Contact; readonly video: boolean }> {
    return this.#joining.read(link);
  }

  get joining(): JoiningView | undefined {
    return this.#joining.view;
  }

  join(link: string): Promise<void> {
    return this.#joining.join(link);
  }

  cancel(): Promise<void> {
    return this.#joining.cancel();
  }

  // What the call gate asks.

  takes(received: ReceivedContent): boolean {
    return this.#joining.takes(received);
  }

  inviting(callId: string, to: AccountId): LinkId | undefined {
    return this.#admissions.take(callId, to);
  }

  isByLink(callId: string, other: AccountId): boolean {
    return this.#admissions.isByLink(callId, other);
  }

  callChanged(call: CallView): void {
    this.#joining.callChanged(call);
    this.#lobby.callChanged(call);
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#joining.close();
    await this.#lobby.close();
  }

  async #changed(): Promise<void> {
    await this.#lobby.linksChanged();
    this.#parts.emitter.emit('callLinks', await this.#own.list());
  }
}
