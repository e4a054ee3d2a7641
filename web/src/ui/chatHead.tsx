import type { Contact } from '@carillon/client';
import { liveCall, startCall } from '../state/call.ts';
import { dialog } from '../state/dialog.ts';
import { showList } from '../state/route.ts';
import { Avatar } from './avatar.tsx';
import { IconButton } from './iconButton.tsx';

export function ChatHead({ contact }: { contact: Contact }) {
  const busy = liveCall.value !== undefined;
  return (
    <header class="chat-head">
      <span class="only-phone">
        <IconButton icon="back" label="Back to conversations" onClick={showList} data-testid="back" />
      </span>
      <Avatar person={contact} size="small" />
      <div class="chat-who">
        <h2>{contact.name}</h2>
        <p>@{contact.handle}</p>
      </div>
      <IconButton
        icon="shield"
        label="Safety number"
        data-testid="safety"
        onClick={() => {
          dialog.value = { type: 'safety-number', contact };
        }}
      />
      <IconButton
        icon="phone"
        label={`Voice call with ${contact.name}`}
        disabled={busy}
        data-testid="call-audio"
        onClick={() => void startCall([contact.accountId], false)}
      />
      <IconButton
        icon="video"
        label={`Video call with ${contact.name}`}
        disabled={busy}
        data-testid="call-video"
        onClick={() => void startCall([contact.accountId], true)}
      />
    </header>
  );
}
