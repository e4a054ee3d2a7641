// The account's own call links: made, changed, taken back, and the same on all of
// its devices.
import { bytesToBase64url, ProtocolError } from '@carillon/protocol';
import { cleanName } from '../account/registration.ts';
import type { NewCallLink } from '../api.ts';
import { tellOwnDevices } from '../devices/ownCopies.ts';
import type { Account, CallLinkView } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { encodeCallLink, LINK_ID_BYTES, type LinkId } from './core/link.ts';
import { LINKS_MAX, type LinkRecord, linksCopy, listLinks, readLink, writeLink } from './linkRecords.ts';

export interface OwnLinksParts {
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly ledger: Ledger;
  readonly account: () => Account;
  readonly baseUrl: string;
  /** There is something in the outbox. */
  readonly onQueued: () => void;
}

export class OwnLinks {
  readonly #parts: OwnLinksParts;

  constructor(parts: OwnLinksParts) {
    this.#parts = parts;
  }

  async list(): Promise<readonly CallLinkView[]> {
    const links = await this.#parts.ledger.read((tx) => listLinks(tx));
    return links.map((link) => this.view(link));
  }

  find(linkId: LinkId): Promise<LinkRecord | undefined> {
    return this.#parts.ledger.read((tx) => readLink(tx, linkId));
  }

  view({ linkId, name, video, group, lobby, createdAtMs }: LinkRecord): CallLinkView {
    const { account, baseUrl } = this.#parts;
    const url = encodeCallLink(baseUrl, { owner: account().accountId, linkId, video });
    return { id: linkId, url, name, video, kind: group ? 'group' : 'one', lobby, createdAtMs };
  }

  async create({ name, video, kind, lobby }: NewCallLink): Promise<CallLinkView> {
    const { crypto, now } = this.#parts.platform;
    const linkId = bytesToBase64url(crypto.randomBytes(LINK_ID_BYTES)) as LinkId;
    const atMs = Math.trunc(now());
    const link: LinkRecord = {
      ...{ linkId, video, lobby, group: kind === 'group', revoked: false },
      ...{ name: cleanName(name) || 'Call', createdAtMs: atMs, changedAtMs: atMs },
    };
    await this.#change(async (tx) => {
      if ((await listLinks(tx)).length >= LINKS_MAX) {
        throw new ProtocolError('invalid-request', { words: `You have ${LINKS_MAX} call links. Take one back first.` });
      }
      await writeLink(tx, link);
    });
    return this.view(link);
  }

  async update(
    id: string,
    { name, lobby, revoked }: { readonly name?: string; readonly lobby?: boolean; readonly revoked?: true },
  ): Promise<void> {
    await this.#change(async (tx) => {
      const link = await readLink(tx, id as LinkId);
      if (!link || link.revoked) throw new ProtocolError('not-found', { words: 'This call link is gone.' });
      await writeLink(tx, {
        ...link,
        name: (name !== undefined && cleanName(name)) || link.name,
        lobby: lobby ?? link.lobby,
        revoked: revoked ?? false,
        // Later than what another device has changed, also when this one's clock is behind.
        changedAtMs: Math.max(Math.trunc(this.#parts.platform.now()), link.changedAtMs + 1),
      });
    });
  }

  async #change(run: (tx: StoreTransaction) => Promise<void>): Promise<void> {
    await this.#parts.ledger.change(async (tx) => {
      await run(tx);
      await tellOwnDevices(tx, this.#parts, await linksCopy(tx));
    });
    this.#parts.onQueued();
  }
}
