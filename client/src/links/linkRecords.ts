// The account's call links in the store, and as the own devices tell them to each
// other. Two devices may change the same link at once: it goes by when it was
// changed last, and one that was taken back on any stays so.
import { base64urlToBytes, type CallLinkEntry } from '@carillon/protocol';
import { cleanName } from '../account/registration.ts';
import type { ContentBody } from '../messaging/contentChannel.ts';
import type { StoreTransaction } from '../ports.ts';
import { type LinkId, linkIdOf } from './core/link.ts';

export interface LinkRecord {
  readonly linkId: LinkId;
  readonly name: string;
  readonly video: boolean;
  readonly group: boolean;
  readonly lobby: boolean;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly revoked: boolean;
}

/** Links at once: about 130 bytes each, and all go into one envelope to the own devices. */
export const LINKS_MAX = 50;
/** Links taken back that are remembered, so that who knocks there is told. */
const REVOKED_MAX = 50;

const key = (linkId: LinkId) => `call-link/${linkId}`;

export const readLink = (tx: StoreTransaction, linkId: LinkId): Promise<LinkRecord | undefined> =>
  tx.get<LinkRecord>('social', key(linkId));

/** Newest first. */
async function readAll(tx: StoreTransaction): Promise<LinkRecord[]> {
  const rows = await tx.list<LinkRecord>('social', { from: 'call-link/', to: 'call-link0' });
  return rows.map(({ value }) => value).sort((a, b) => b.createdAtMs - a.createdAtMs);
}

export const listLinks = async (tx: StoreTransaction): Promise<LinkRecord[]> =>
  (await readAll(tx)).filter(({ revoked }) => !revoked);

export async function writeLink(tx: StoreTransaction, link: LinkRecord): Promise<void> {
  await tx.put('social', key(link.linkId), link);
  if (!link.revoked) return;
  const revoked = (await readAll(tx)).filter((other) => other.revoked);
  revoked.sort((a, b) => b.changedAtMs - a.changedAtMs);
  for (const { linkId } of revoked.slice(REVOKED_MAX)) await tx.delete('social', key(linkId));
}

export async function linksCopy(tx: StoreTransaction): Promise<ContentBody> {
  const links = (await readAll(tx)).map(({ linkId, createdAtMs, changedAtMs, ...link }) => ({
    ...link,
    linkId: base64urlToBytes(linkId),
    createdAtMs: BigInt(createdAtMs),
    changedAtMs: BigInt(changedAtMs),
  }));
  return { case: 'callLinksCopy', value: { links } };
}

/** As another own device says. */
export async function applyLinksCopy(tx: StoreTransaction, links: readonly CallLinkEntry[]): Promise<void> {
  for (const entry of links.slice(0, LINKS_MAX + REVOKED_MAX)) {
    const link = recordOf(entry);
    const known = link && (await readLink(tx, link.linkId));
    if (link && (!known || replaces(link, known))) await writeLink(tx, link);
  }
}

/** The same on all devices, in whatever order they hear of it: of two changes at one moment, too. */
function replaces(link: LinkRecord, known: LinkRecord): boolean {
  if (link.revoked !== known.revoked) return link.revoked;
  if (link.changedAtMs !== known.changedAtMs) return link.changedAtMs > known.changedAtMs;
  const said = ({ name, lobby }: LinkRecord) => `${lobby} ${name}`;
  return said(link) > said(known);
}

function recordOf(entry: CallLinkEntry): LinkRecord | undefined {
  const linkId = linkIdOf(entry.linkId);
  const createdAtMs = Number(entry.createdAtMs);
  const changedAtMs = Number(entry.changedAtMs);
  if (!linkId || !Number.isSafeInteger(createdAtMs) || !Number.isSafeInteger(changedAtMs)) return undefined;
  const { video, group, lobby, revoked } = entry;
  return { linkId, name: cleanName(entry.name), video, group, lobby, createdAtMs, changedAtMs, revoked };
}
