// Settings, who is accepted and who is blocked: the same on all devices of the account.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  accountIdSchema,
  type ConversationId,
  groupIdSchema,
  isGroupId,
  PresenceChoice,
  type SettingsCopy,
} from '@carillon/protocol';
import { acceptConversation, type ConversationRecord, readConversationRecord } from '../conversations/conversations.ts';
import type { ContentBody } from '../messaging/contentChannel.ts';
import type { Settings } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';
import { listBlocked, replaceBlocked } from './blocks.ts';
import { ownPresenceKey, readSettings, writePresenceKey, writeSettings } from './settings.ts';

/** The last ones; 23 bytes each. What is older the other devices know. */
const ACCEPTED_MAX = 1_000;
/** As many as the server keeps would not fit into one envelope; the rest comes with the server's list. */
const BLOCKED_MAX = 1_000;

const CHOICES = {
  everyone: PresenceChoice.EVERYONE,
  contacts: PresenceChoice.CONTACTS,
  nobody: PresenceChoice.NOBODY,
} as const satisfies Record<Settings['presence'], PresenceChoice>;

export async function settingsCopy(tx: StoreTransaction, crypto: CryptoProvider): Promise<ContentBody> {
  const { readReceipts, presence } = await readSettings(tx);
  const rows = await tx.list<ConversationRecord>('conversations');
  const accepted = rows.map(({ value }) => value).filter((record) => record.accepted);
  accepted.sort((a, b) => b.updatedAtMs - a.updatedAtMs);
  return {
    case: 'settingsCopy',
    value: {
      readReceipts,
      presence: CHOICES[presence],
      acceptedAccountIds: accepted.slice(0, ACCEPTED_MAX).map(({ id }) => id),
      blockedAccountIds: (await listBlocked(tx)).slice(0, BLOCKED_MAX),
      presenceKey: await ownPresenceKey(tx, crypto),
    },
  };
}

export async function applySettingsCopy(tx: StoreTransaction, changes: Changes, copy: SettingsCopy): Promise<void> {
  const presence = (Object.keys(CHOICES) as Settings['presence'][]).find((name) => CHOICES[name] === copy.presence);
  if (!presence) return;
  await writeSettings(tx, { ...(await readSettings(tx)), readReceipts: copy.readReceipts, presence });
  if (copy.presenceKey.length === 16) await writePresenceKey(tx, copy.presenceKey);
  for (const text of copy.acceptedAccountIds.slice(0, ACCEPTED_MAX)) {
    const id: ConversationId | undefined = isGroupId(text)
      ? groupIdSchema.safeParse(text).data
      : accountIdSchema.safeParse(text).data;
    if (!id) continue;
    const before = await readConversationRecord(tx, id);
    await acceptConversation(tx, id);
    if (before && !before.accepted) changes.conversation(id);
  }
  const blocked = copy.blockedAccountIds.map((text) => accountIdSchema.safeParse(text).data);
  const known = blocked.filter((id) => id !== undefined);
  for (const id of await replaceBlocked(tx, known)) changes.conversation(id);
}
