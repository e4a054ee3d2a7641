// From the SDK's events to the signals; the only place that listens.
import type { CarillonApi, Message, MessageId } from '@carillon/client';
import { forgetAttachments } from './attachments.ts';
import { messageArrived } from './attention.ts';
import { callChanged, forgetCalls } from './call.ts';
import { callLinks, forgetCallLinks, joining, lobby } from './callLinks.ts';
import { conversationChanged, conversationDeleted, forgetConversations, loadConversations } from './conversations.ts';
import { closeDialog } from './dialog.ts';
import { lookForLeftCall } from './leftCall.ts';
import { forgetMessages, messageChanged } from './messages.ts';
import { notify } from './notices.ts';
import { forgetOwnDevices, historyChanged, ownDevicesChanged } from './ownDevices.ts';
import { progressChanged } from './progress.ts';
import { account, connection, opening } from './session.ts';
import { forgetSocial, keysHandedChanged, presenceChanged, settings, typingChanged } from './social.ts';

/** Ids of arrived messages kept so that a changed one is not announced again; a few screens of them are enough. */
const ANNOUNCED_MAX = 200;
const announced = new Set<MessageId>();

function announceOnce(message: Message): void {
  if (message.outgoing || message.status !== 'unread' || announced.has(message.id)) return;
  announced.add(message.id);
  if (announced.size > ANNOUNCED_MAX) announced.delete(announced.values().next().value!);
  messageArrived(message);
}

function forgetEverything(): void {
  closeDialog();
  forgetAttachments();
  forgetCalls();
  forgetCallLinks();
  forgetMessages();
  forgetConversations();
  forgetOwnDevices();
  forgetSocial();
}

export function wire(api: CarillonApi): void {
  api.on('account', (value) => {
    account.value = value;
    if (value === undefined) forgetEverything();
    else {
      settings.value = api.settings;
      void loadConversations();
    }
  });
  api.on('connection', (value) => {
    connection.value = value;
  });
  api.on('conversation', conversationChanged);
  api.on('conversationDeleted', conversationDeleted);
  api.on('message', (message) => {
    messageChanged(message);
    announceOnce(message);
  });
  api.on('progress', progressChanged);
  api.on('notice', ({ words }) => notify(words, 'problem'));
  api.on('call', callChanged);
  api.on('typing', typingChanged);
  api.on('presence', presenceChanged);
  api.on('settings', (value) => {
    settings.value = value;
  });
  api.on('callLinks', (value) => {
    callLinks.value = value;
  });
  api.on('lobby', (value) => {
    lobby.value = value;
  });
  api.on('joining', (value) => {
    joining.value = value;
  });
  api.on('groupKeys', ({ groupId, done, total }) => keysHandedChanged(groupId, done, total));
  api.on('devices', ownDevicesChanged);
  api.on('history', historyChanged);

  opening.value = { state: 'open', api };
  account.value = api.account;
  connection.value = api.connection;
  const running = api.calls.current;
  if (running !== undefined) callChanged(running);
  if (api.account !== undefined) {
    settings.value = api.settings;
    void loadConversations();
    void lookForLeftCall();
  }
}
