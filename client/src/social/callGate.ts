// The encrypted channel as calls get it: whom we call is accepted, and who is not
// may be kept from ringing here. They hear nothing of it: their call is not answered.

import { acceptConversation, isAccepted } from '../conversations/conversations.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { Ledger } from '../store/ledger.ts';
import { isBlocked } from './blocks.ts';
import { readSettings } from './settings.ts';

export function gatedCalls(channel: ContentChannel, ledger: Ledger): ContentChannel {
  const mayRing = ({ from }: ReceivedContent) =>
    ledger.read(async (tx) => {
      if (await isBlocked(tx, from.accountId)) return false;
      return (await readSettings(tx)).callsFrom === 'everyone' || (await isAccepted(tx, from.accountId));
    });
  return {
    get account() {
      return channel.account;
    },
    accessToken: () => channel.accessToken(),
    async sendToAccount(to, body, options) {
      let isInvite = false;
      const seen: typeof body = (device) => {
        const made = body(device);
        isInvite ||= made.case === 'callInvite';
        return made;
      };
      const devices = await channel.sendToAccount(to, seen, options);
      if (isInvite) {
        await ledger.change(async (tx, changes) => {
          await acceptConversation(tx, to);
          changes.conversation(to);
        });
      }
      return devices;
    },
    sendToDevice: (to, body, options) => channel.sendToDevice(to, body, options),
    onContent(kind, listener) {
      if (kind !== 'callInvite') return channel.onContent(kind, listener);
      return channel.onContent(kind, (received) => {
        void mayRing(received).then(
          (may) => may && listener(received),
          () => {
            // The store could not say: what is not known to be wanted does not ring.
          },
        );
      });
    },
    contact: (accountId) => channel.contact(accountId),
    serverNow: () => channel.serverNow(),
    isAccepted: (accountId) => channel.isAccepted(accountId),
    recordCall: (entry) => channel.recordCall(entry),
  };
}
