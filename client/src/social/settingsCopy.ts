// The person's name and settings, who is accepted and who is blocked: the same on
// all devices of the account. Two devices may change something at the same moment
// and each copy carries all of it, so each half goes by when it was changed last;
// of who is blocked the server's list decides, which the device asks for afterwards.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  accountIdSchema,
  type ConversationId,
  groupIdSchema,
  isGroupId,
  PresenceChoice,
  type SettingsCopy,
} from '@carillon/protocol';
import { nameChangedAt, noteNameChangedAt, readProfile, writeProfile } from '../account/profile.ts';
import { cleanName } from '../account/registration.ts';
import { acceptConversation, type ConversationRecord, readConversationRecord } from '../conversations/conversations.ts';
import type { ContentBody } from '../messaging/contentChannel.ts';
import type { Settings } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';
import { isBlocked, listBlocked, writeBlocked } from './blocks.ts';
import {
  noteSettingsChangedAt,
  owePrivacy,
  ownPresenceKey,
  readSettings,
  settingsChangedAt,
  writePresenceKey,
  writeSettings,
} from './settings.ts';

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
  const { readReceipts, presence, callsFrom, doNotDisturb, callWaiting } = await readSettings(tx);
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
      settingsChangedAtMs: BigInt(await settingsChangedAt(tx)),
      name: (await readProfile(tx))?.name ?? '',
      nameChangedAtMs: BigInt(await nameChangedAt(tx)),
      callsFromAcceptedOnly: callsFrom === 'accepted',
      doNotDisturb: doNotDisturb !== false,
      doNotDisturbUntilMs: BigInt(doNotDisturb === false ? 0 : Math.trunc(doNotDisturb.untilMs ?? 0)),
      noCallWaiting: !callWaiting,
    },
  };
}

export async function applySettingsCopy(tx: StoreTransaction, changes: Changes, copy: SettingsCopy): Promise<void> {
  await applyName(tx, copy);
  await applyChoices(tx, copy);
  for (const text of copy.acceptedAccountIds.slice(0, ACCEPTED_MAX)) {
    const id: ConversationId | undefined = isGroupId(text)
      ? groupIdSchema.safeParse(text).data
      : accountIdSchema.safeParse(text).data;
    if (!id) continue;
    const before = await readConversationRecord(tx, id);
    await acceptConversation(tx, id);
    if (before && !before.accepted) changes.conversation(id);
  }
  for (const text of copy.blockedAccountIds.slice(0, BLOCKED_MAX)) {
    const id = accountIdSchema.safeParse(text).data;
    if (!id || (await isBlocked(tx, id))) continue;
    await writeBlocked(tx, id, true);
    changes.conversation(id);
  }
}

async function applyName(tx: StoreTransaction, copy: SettingsCopy): Promise<void> {
  const profile = await readProfile(tx);
  const name = cleanName(copy.name);
  const atMs = Number(copy.nameChangedAtMs);
  if (!profile || name === '' || !Number.isSafeInteger(atMs) || atMs <= (await nameChangedAt(tx))) return;
  await writeProfile(tx, { ...profile, name });
  await noteNameChangedAt(tx, atMs);
}

async function applyChoices(tx: StoreTransaction, copy: SettingsCopy): Promise<void> {
  const presence = (Object.keys(CHOICES) as Settings['presence'][]).find((name) => CHOICES[name] === copy.presence);
  const atMs = Number(copy.settingsChangedAtMs);
  if (!presence || !Number.isSafeInteger(atMs)) return;
  const ours = await settingsChangedAt(tx);
  // The device that sent the older ones may have told the server after us.
  if (atMs < ours) await owePrivacy(tx, true);
  if (atMs <= ours) return;
  const { readReceipts, callsFromAcceptedOnly, noCallWaiting } = copy;
  await writeSettings(tx, {
    ...{ readReceipts, presence, doNotDisturb: doNotDisturbOf(copy) },
    callsFrom: callsFromAcceptedOnly ? 'accepted' : 'everyone',
    callWaiting: !noCallWaiting,
  });
  if (copy.presenceKey.length === 16) await writePresenceKey(tx, copy.presenceKey);
  await noteSettingsChangedAt(tx, atMs);
}

function doNotDisturbOf({ doNotDisturb, doNotDisturbUntilMs }: SettingsCopy): Settings['doNotDisturb'] {
  if (!doNotDisturb) return false;
  const untilMs = Number(doNotDisturbUntilMs);
  return untilMs > 0 && Number.isSafeInteger(untilMs) ? { untilMs } : {};
}
