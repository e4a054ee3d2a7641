import { conversations, found, listLoaded, search } from '../state/conversations.ts';
import { dialog } from '../state/dialog.ts';
import { account } from '../state/session.ts';
import { Avatar } from './avatar.tsx';
import { ConversationList } from './conversationList.tsx';
import { QuietSign } from './doNotDisturb.tsx';
import { Icon } from './icon.tsx';
import { IconButton } from './iconButton.tsx';

function Head() {
  const me = account.value;
  return (
    <header class="list-head">
      {me !== undefined && (
        <button
          type="button"
          class="profile-button"
          aria-label={`You: ${me.name}, profile and settings`}
          title="Profile and settings"
          onClick={() => {
            dialog.value = { type: 'profile' };
          }}
          data-testid="profile"
        >
          <Avatar person={me} size="small" />
        </button>
      )}
      <h1>Carillon</h1>
      <IconButton
        icon="plus"
        label="New conversation"
        tone="accent"
        data-testid="new-chat"
        onClick={() => {
          dialog.value = { type: 'new-chat' };
        }}
      />
    </header>
  );
}

function Empty() {
  if (!listLoaded.value) return null;
  return (
    <div class="list-empty">
      {conversations.value.length === 0 ? (
        <>
          <p>No conversations yet.</p>
          <p class="quiet">
            Press the plus and type a friend's handle. Yours is <strong>@{account.value?.handle}</strong>.
          </p>
        </>
      ) : (
        <p class="quiet">Nothing found for “{search.value}”.</p>
      )}
    </div>
  );
}

export function ListPane() {
  return (
    <nav class="list-pane" aria-label="Conversations">
      <Head />
      <QuietSign />
      <search class="search">
        <Icon name="search" size={18} />
        <input
          type="search"
          placeholder="Search"
          aria-label="Search conversations"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
        />
      </search>
      {found.value.length > 0 ? <ConversationList shown={found.value} /> : <Empty />}
    </nav>
  );
}
