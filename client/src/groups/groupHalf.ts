// The groups of a signed-in device, put together.
import type { AccountId } from '@carillon/protocol';
import type { Directory } from '../contacts/directory.ts';
import type { Emitter } from '../events.ts';
import { applyContent } from '../messaging/applyContent.ts';
import type { EnvelopeSender } from '../messaging/envelopeSender.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { Account } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import type { GroupInboxParts } from './groupInbox.ts';
import { GroupSender } from './groupSender.ts';
import { GroupSync } from './groupSync.ts';
import { Groups } from './groups.ts';

export interface GroupHalfParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sender: EnvelopeSender;
  readonly emitter: Emitter;
  readonly account: () => Account;
  readonly onQueued: () => void;
}

export interface GroupHalf {
  readonly inbox: GroupInboxParts;
  readonly sender: GroupSender;
  readonly groups: Groups;
}

export function createGroupHalf(parts: GroupHalfParts): GroupHalf {
  const { platform, ledger, socket, directory, sender, emitter, account, onQueued } = parts;
  const { crypto, now } = platform;
  const self: AccountId = account().accountId;
  const inbox: GroupInboxParts = {
    crypto,
    account,
    now,
    // Its chain was handed over by an identity that is trusted.
    apply: async (tx, changes, { groupId, ...arrival }) => {
      await applyContent(tx, changes, inbox, { ...arrival, group: groupId, trusted: true });
    },
  };
  const sync = new GroupSync({ crypto, ledger, directory, sender, socket, self, account, now, onQueued });
  const onHanding = (groupId: Parameters<GroupSender['sendEphemeral']>[0], done: number, total: number) =>
    emitter.emit('groupKeys', { groupId, done, total });
  return {
    inbox,
    sender: new GroupSender({ ledger, socket, sender, sync, crypto, account, now, onHanding }),
    groups: new Groups({ ledger, socket, directory, sync, inbox, platform, crypto, account, onQueued }),
  };
}
