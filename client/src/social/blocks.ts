// Who is blocked. The server drops what they send; this device drops it again,
// should the server not.
import type { AccountId, ConversationId } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';

const blockKey = (id: string) => `blocked/${id}`;

export const isBlocked = async (tx: StoreTransaction, id: ConversationId): Promise<boolean> =>
  (await tx.get<boolean>('social', blockKey(id))) === true;

export const writeBlocked = (tx: StoreTransaction, accountId: AccountId, blocked: boolean): Promise<void> =>
  blocked ? tx.put('social', blockKey(accountId), true) : tx.delete('social', blockKey(accountId));

export async function listBlocked(tx: StoreTransaction): Promise<AccountId[]> {
  const rows = await tx.list<boolean>('social', { from: blockKey(''), to: 'blocked0' });
  return rows.map(({ key }) => key.slice(blockKey('').length) as AccountId);
}

/** As another place says. Returns those for whom it is new. */
export async function replaceBlocked(tx: StoreTransaction, blocked: readonly AccountId[]): Promise<AccountId[]> {
  const before = new Set(await listBlocked(tx));
  const after = new Set(blocked);
  const gone = [...before].filter((id) => !after.has(id));
  const come = [...after].filter((id) => !before.has(id));
  for (const id of gone) await writeBlocked(tx, id, false);
  for (const id of come) await writeBlocked(tx, id, true);
  return [...gone, ...come];
}
